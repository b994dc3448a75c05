"""Several models on the same items: scores, floors, differences, notes, and the commands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from tests.eval.harness.samples import small_decoder, write_kobest, write_nli
from tests.eval.models import tiny_model, tiny_tokenizer, write_model
from vocabx.cli import main
from vocabx.core.errors import InputError
from vocabx.core.say import DETAIL
from vocabx.eval.harness.answers import Answers
from vocabx.eval.harness.run import answer_tasks
from vocabx.evaluation.harness import asking
from vocabx.evaluation.harness.asking import HarnessSettings
from vocabx.evaluation.harness.run import ANEW
from vocabx.evaluation.harness.scores import score_differences, score_models
from vocabx.evaluation.kobest import evaluate_kobest
from vocabx.evaluation.parts import Parts
from vocabx.evaluation.result import Result, Score
from vocabx.evaluation.xnli import evaluate_xnli

PAIRS = [("비가 온다.", "날이 흐리다.", "neutral"), ("나는 집이다.", "나는 밖이다.", "contradiction")]


def made_up(task: str, gold: list[int], predicted: list[int], shared: Sequence[str] = ()) -> Answers:
    """Answers of two choices that are all as long as each other."""
    likely = np.zeros((len(gold), 2))
    likely[np.arange(len(gold)), predicted] = 1
    ones = np.ones_like(likely, np.int64)
    return Answers(task, np.array(gold), likely, ones, ones, shared=shared)


def test_scores_have_floors_intervals_errors_and_both_averages() -> None:
    answers = {"a": {"x": made_up("x", [0, 1, 1, 1], [0, 1, 1, 0]), "y": made_up("y", [0, 1], [1, 0])}}
    scores = {(one.task, one.metric): one for one in score_models("kind", answers, 0)}
    x = scores["x", "acc"]
    assert (x.value, x.floor, x.items) == (0.75, 0.75, 4)
    assert x.low is not None
    assert x.high is not None
    assert x.low < x.value <= x.high
    assert x.error == pytest.approx(np.sqrt(0.75 * 0.25 / 4), rel=0.1)
    assert scores["kind, average by size", "acc"].value == pytest.approx(3 / 6)
    assert scores["kind, plain average", "acc"].value == pytest.approx(0.75 / 2)
    assert scores["kind, average by size", "acc"].floor == pytest.approx((4 * 0.75 + 2 * 0.5) / 6)


def test_one_task_has_no_average() -> None:
    scores = score_models("kind", {"a": {"x": made_up("x", [0, 1], [0, 1])}}, 0)
    assert {one.task for one in scores} == {"x"}


def test_a_model_does_not_differ_from_itself_on_any_draw() -> None:
    answers = {"x": made_up("x", [0, 1, 1, 0, 1], [0, 1, 0, 0, 0])}
    for one in score_differences("kind", {"a": answers, "b": answers}, 0):
        assert (one.model, one.against, one.value, one.low, one.high) == ("b", "a", 0, 0, 0)


def test_pairing_makes_the_interval_of_a_difference_that_of_the_items_that_differ() -> None:
    rng = np.random.default_rng(0)
    gold = rng.integers(2, size=400).tolist()
    first = [label if keep else 1 - label for label, keep in zip(gold, rng.random(400) < 0.5, strict=True)]
    second = [*first[:-4], *gold[-4:]]
    answers = {"a": {"x": made_up("x", gold, first)}, "b": {"x": made_up("x", gold, second)}}
    (difference,) = [one for one in score_differences("kind", answers, 0) if one.metric == "acc"]
    assert difference.low is not None
    assert difference.high is not None
    assert 0 <= difference.low <= difference.value <= difference.high < 0.03


def width(score: Score) -> float:
    assert score.low is not None
    assert score.high is not None
    return score.high - score.low


def test_items_that_share_a_premise_are_drawn_together() -> None:
    """Three copies of each answer say no more than one."""
    rng = np.random.default_rng(0)
    gold, predicted = rng.integers(2, size=(2, 100)).tolist()
    once = made_up("once", gold, predicted)
    premises = [f"{place}" for place in range(100) for _ in range(3)]
    thrice = made_up("thrice", np.repeat(gold, 3).tolist(), np.repeat(predicted, 3).tolist(), premises)
    one, three = (
        next(one for one in score_models("kind", {"a": {"x": answers}}, 0) if one.metric == "acc")
        for answers in (once, thrice)
    )
    assert (three.value, three.low, three.high, three.error) == pytest.approx((one.value, one.low, one.high, one.error))


def test_an_average_over_languages_is_as_unsure_as_one_of_them() -> None:
    rng = np.random.default_rng(0)
    gold, predicted = rng.integers(2, size=(2, 300)).tolist()
    premises = [f"{place // 3}" for place in range(300)]
    tasks = {name: made_up(name, gold, predicted, [f"{name} {text}" for text in premises]) for name in ("en", "sw")}
    scores = {one.task: one for one in score_models("xnli", {"a": tasks}, 0) if one.metric == "acc"}
    assert width(scores["xnli, plain average"]) == pytest.approx(width(scores["en"]))
    apart = {name: replace(answers, shared=()) for name, answers in tasks.items()}
    scores = {one.task: one for one in score_models("xnli", {"a": apart}, 0) if one.metric == "acc"}
    assert width(scores["xnli, plain average"]) == pytest.approx(width(scores["en"]) / np.sqrt(2), rel=0.1)


def test_pairs_without_a_language_are_asked_in_one(tmp_path: Path) -> None:
    file = write_nli(tmp_path / "pairs.tsv", PAIRS)
    with pytest.raises(InputError, match="asked as xnli_en and xnli_ko; name one language"):
        evaluate_xnli(["model"], ["en", "ko"], data=file)
    with pytest.raises(InputError, match="no language"):
        evaluate_xnli(["model"], [], data=file)


def test_answers_survive_their_file_to_the_bit() -> None:
    one = replace(
        made_up("x", [0, 1, 1], [0, 1, 0], ["a", "b", "가"]), truncated=2, reported={"acc": 1 / 3}, errors={"acc": 0.1}
    )
    one.log_likelihoods[:] = np.random.default_rng(0).normal(size=(3, 2))
    one.log_likelihoods[0, 0] = -np.inf
    again = Answers.from_json(json.loads(json.dumps(one.to_json())))
    assert again.to_json() == one.to_json()
    assert again.log_likelihoods.tobytes() == one.log_likelihoods.tobytes()
    assert (again.gold.dtype, again.log_likelihoods.dtype) == (one.gold.dtype, one.log_likelihoods.dtype)


def test_what_cannot_run_is_refused_when_settings_are_made() -> None:
    with pytest.raises(InputError, match="no type to compute in called 'int3'"):
        HarnessSettings(dtype="int3")
    with pytest.raises(InputError, match="no backend called 'hg'"):
        HarnessSettings(backend="hg")


@pytest.mark.torch
class TestWithModels:
    """A run from the files to the result."""

    @pytest.fixture(autouse=True)
    def _harness(self) -> None:
        pytest.importorskip("lm_eval")

    def test_two_models_are_compared_and_the_result_is_the_same_again(self, tmp_path: Path) -> None:
        models = [small_decoder(tmp_path / name, bos_token="<s>", eos_token="</s>") for name in ("one", "two")]
        data, told = write_kobest(tmp_path / "data"), list[str]()
        first, again = (evaluate_kobest(models, data=data, tasks=["copa", "wic"], say=told.append) for _ in range(2))
        assert first is not None
        assert again is not None
        assert first.scores == again.scores
        assert [model.name for model in first.models] == ["one", "two"]
        assert all(model.seconds for model in first.models)
        assert {one.value for one in first.differences} == {0}
        assert {file.name for file in first.data} == {"COPA/test.tsv", "WiC/test.tsv"}
        assert first.settings["few_shot"] == 0
        assert "lm_eval" in first.versions
        assert told[:2] == ["Loading the tasks", "Asking one: kobest_copa"]
        assert f"Asking two: kobest_wic{DETAIL}4 of 4 texts" in told
        first.save(tmp_path / "result.json")
        assert Result.load(tmp_path / "result.json").scores == first.scores

    def test_an_interrupted_run_goes_on_with_the_task_it_was_at(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        models = [small_decoder(tmp_path / name, bos_token="<s>") for name in ("one", "two")]
        (models[1] / "generation_config.json").write_text("{}")  # or their answers would be the same part
        data = write_kobest(tmp_path / "data")
        whole = evaluate_kobest(models, data=data, tasks=["copa", "wic"])
        answer, asked, parts = answer_tasks, list[str](), Parts(tmp_path / "parts")

        def break_off(reader: Any, tasks: Any, **options: Any) -> Any:
            asked.extend(tasks)
            if len(asked) == 4:
                raise KeyboardInterrupt
            return answer(reader, tasks, **options)

        monkeypatch.setattr(asking, "answer_tasks", break_off)
        with pytest.raises(KeyboardInterrupt):
            evaluate_kobest(models, data=data, tasks=["copa", "wic"], parts=parts)
        kept = [*(tmp_path / "parts").iterdir()]
        assert len(kept) == 3
        for file in kept:
            file.write_text(json.dumps({**json.loads(file.read_text()), "seconds": 1000}))
        told = list[str]()
        again = evaluate_kobest(models, data=data, tasks=["copa", "wic"], parts=parts, say=told.append)
        assert asked == ["kobest_copa", "kobest_wic", "kobest_copa", "kobest_wic", "kobest_wic"]
        assert whole is not None
        assert again is not None
        assert again.scores == whole.scores
        assert again.differences == whole.differences
        assert [round(model.seconds or 0, -3) for model in again.models] == [2000, 1000]
        assert again.models[1].seconds != 1000
        assert "one has answered kobest_wic already" in told

    def test_what_was_kept_needs_no_model_and_says_the_same_of_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_nli(tmp_path / "xnli.dev.ko.tsv", [*PAIRS, ("가" * 60, "나는 집이다.", "neutral")])
        model, parts = small_decoder(tmp_path / "model", context=128), Parts(tmp_path / "parts")
        first = evaluate_xnli([model], ["ko"], data=tmp_path, parts=parts)
        monkeypatch.setattr(asking, "open_reader", None)
        assert evaluate_xnli([model], ["ko"], data=tmp_path, parts=parts) == first
        assert first is not None
        assert any("lost their beginning" in note for note in first.notes)
        assert any("neither a BOS nor an EOS token" in note for note in first.notes)

    def test_answers_are_kept_for_all_that_decides_them_and_nothing_else(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model, parts = small_decoder(tmp_path / "model", bos_token="<s>"), Parts(tmp_path / "parts")
        data, asked = write_kobest(write_kobest(tmp_path / "data"), "train"), list[str]()
        answer = answer_tasks

        def listen(reader: Any, tasks: Any, **options: Any) -> Any:
            asked.extend(tasks)
            return answer(reader, tasks, **options)

        def count(**changed: Any) -> int:
            asked.clear()
            evaluate_kobest([model], data=data, tasks=["copa"], parts=parts, settings=HarnessSettings(**changed))
            return len(asked)

        monkeypatch.setattr(asking, "answer_tasks", listen)
        assert [count(), count()] == [1, 0]
        assert count(batch_size=1) == 0
        for changed in ({"limit": 1}, {"dtype": "bfloat16"}, {"few_shot": 1}, {"seed": 1}):
            assert [count(**changed), count(**changed)] == [1, 0], changed
        path = data / "COPA" / "test.tsv"
        path.write_bytes(path.read_bytes().replace("말랐다".encode(), "굳었다".encode()))
        assert [count(), count()] == [1, 0]
        (model / "generation_config.json").write_text("{}")
        assert [count(), count()] == [1, 0]

    def test_where_processes_share_the_items_nothing_is_kept_and_that_is_said_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("WORLD_SIZE", "2")
        model, data, told = small_decoder(tmp_path / "model", bos_token="<s>"), tmp_path / "data", list[str]()
        parts = Parts(tmp_path / "parts")
        evaluate_kobest([model], data=write_kobest(data), tasks=["wic"], parts=parts, say=told.append)
        assert told.count(ANEW) == 1
        assert not (tmp_path / "parts").exists()
        told.clear()
        evaluate_kobest([model], data=data, tasks=["wic"], say=told.append)
        assert ANEW not in told

    def test_too_few_worked_examples_of_the_last_task_are_said_before_the_first_is_asked(self, tmp_path: Path) -> None:
        data = write_kobest(write_kobest(tmp_path / "data"), "train")
        path, told = data / "WiC" / "train.tsv", list[str]()
        path.write_bytes(b"\r\n".join(path.read_bytes().split(b"\r\n")[:2]))
        with pytest.raises(InputError, match="kobest_wic has 1 worked examples, fewer than 2"):
            evaluate_kobest(
                [small_decoder(tmp_path / "model", bos_token="<s>")],
                data=data,
                tasks=["copa", "wic"],
                settings=HarnessSettings(few_shot=2),
                say=told.append,
            )
        assert told == ["Loading the tasks"]

    def test_a_command_that_is_interrupted_says_what_is_kept_and_its_rerun_leaves_the_result_alone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model, data, out = small_decoder(tmp_path / "model", bos_token="<s>"), tmp_path / "data", tmp_path / "k.json"
        arguments = ["evaluate", "kobest", str(model), "--data", str(write_kobest(data)), "--tasks", "copa,wic"]
        arguments += ["--out", str(out)]
        answer = answer_tasks

        def break_off(reader: Any, tasks: Any, **options: Any) -> Any:
            if "kobest_wic" in tasks:
                raise KeyboardInterrupt
            return answer(reader, tasks, **options)

        with monkeypatch.context() as patch:
            patch.setattr(asking, "answer_tasks", break_off)
            ran = CliRunner().invoke(main, arguments)
            assert ran.exit_code == 130
            kept = f"What was finished, if anything, is kept beside {out}; the same command goes on from there."
            assert ran.stderr.strip().splitlines()[-1] == f"Interrupted. {kept}"
            patch.setenv("WORLD_SIZE", "2")
            ran = CliRunner().invoke(main, arguments)
            assert ran.stderr.strip().splitlines()[-1] == "Interrupted. Nothing was changed."
        ran = CliRunner().invoke(main, arguments)
        assert ran.exit_code == 0, ran.output
        assert "model has answered kobest_copa already" in ran.stderr
        assert {one.task for one in Result.load(out).scores} >= {"kobest_copa", "kobest_wic"}
        assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "k.json", "model"]

    def test_korean_xnli_is_said_to_be_ours_and_cut_items_are_counted(self, tmp_path: Path) -> None:
        write_nli(tmp_path / "xnli.dev.ko.tsv", [*PAIRS, ("가" * 60, "나는 집이다.", "neutral")])
        model = small_decoder(tmp_path / "model", context=128, bos_token="<s>")
        result = evaluate_xnli([model], ["ko"], data=tmp_path, settings=HarnessSettings(limit=3))
        assert result is not None
        assert "no published task" in result.notes[0]
        assert result.notes[2].startswith("1 of 3 items of xnli_ko are longer than what model reads at once")
        assert {one.floor for one in result.scores if one.metric == "acc"} == {2 / 3}

    def test_a_tokenizer_without_a_start_is_noted(self, tmp_path: Path) -> None:
        write_nli(tmp_path / "xnli.dev.ko.tsv", PAIRS)
        result = evaluate_xnli([small_decoder(tmp_path / "model")], ["ko"], data=tmp_path)
        assert result is not None
        assert any("neither a BOS nor an EOS token" in note for note in result.notes)

    def test_an_encoder_is_refused_before_any_model_is_asked(self, tmp_path: Path) -> None:
        good = small_decoder(tmp_path / "good")
        encoder = write_model(tmp_path / "encoder", tiny_model(300), tiny_tokenizer())
        (encoder / "config.json").write_text('{"architectures": ["BertModel"], "model_type": "bert"}')
        told = list[str]()
        with pytest.raises(InputError, match="is an encoder"):
            evaluate_kobest([good, encoder], data=write_kobest(tmp_path / "data"), say=told.append)
        assert told == []

    def test_only_the_first_process_says_or_returns_anything(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("RANK", "1")
        told = list[str]()
        model = small_decoder(tmp_path / "model", bos_token="<s>")
        result = evaluate_kobest([model], data=write_kobest(tmp_path / "data"), tasks=["wic"], say=told.append)
        assert result is None
        assert told == []

    def test_the_commands_print_tables_and_save_the_result(self, tmp_path: Path) -> None:
        model, data = small_decoder(tmp_path / "model", bos_token="<s>"), write_kobest(tmp_path / "data")
        write_nli(tmp_path / "xnli.dev.sw.tsv", PAIRS)
        kobest = ["kobest", str(model), "--data", str(data), "--tasks", "copa", "--out", str(tmp_path / "k.json")]
        xnli = ["xnli", str(model), "--languages", "sw", "--data", str(tmp_path), "--limit", "1", "--json"]
        printed: list[Any] = []
        for arguments in (kobest, xnli):
            ran = CliRunner().invoke(main, ["evaluate", *arguments], catch_exceptions=False)
            assert ran.exit_code == 0, ran.output
            printed.append(ran.stdout)
        assert "kobest_copa" in printed[0]
        assert "floor" in printed[0]
        assert Result.load(tmp_path / "k.json").kind == "kobest"
        assert '"kind": "xnli"' in printed[1]
