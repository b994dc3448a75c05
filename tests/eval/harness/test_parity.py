"""What is asked, and every metric, is what the harness itself asks and says on documents as the hub has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tests.eval.harness.samples import HUB_COLUMNS, harness_task, small_decoder, write_kobest, write_nli
from vocabx.eval.harness.kobest import KOBEST, kobest_file, kobest_task, read_kobest
from vocabx.eval.harness.nli import LANGUAGES, nli_task, read_nli
from vocabx.eval.harness.quiet import quiet
from vocabx.eval.harness.reader import open_reader
from vocabx.eval.harness.run import answer_tasks, asked_texts, open_tasks
from vocabx.eval.harness.tasks import TaskSource

pytestmark = pytest.mark.torch
pytest.importorskip("lm_eval")

Texts = list[tuple[str, str]]

SAID_OF_KOBEST = {
    "boolq": [
        ('"강은 북쪽으로 흐른다. 질문: 강은 북쪽으로 흐르는가? 답변: ', [" 아니오", " 예"]),
        ("그 다리는 나무로 지었다.  질문: 그 다리는 돌로 지었는가? 답변: ", [" 아니오", " 예"]),
    ],
    "copa": [
        ("비가 왔다.  그래서", [" 땅이 젖었다.", " 땅이 말랐다."]),
        ("나는 늦었다.  왜냐하면", [" 일찍 일어났다.", " 버스를 놓쳤다."]),
    ],
    "hellaswag": [
        ("문장: 물을 끓인다.", [" 차를 우린다.", " 잠을 잔다.", " 산에 오른다.", " 눈이 온다."]),
        ("문장: 공을 던진다.", [" 책을 덮는다.", " 해가 진다.", " 불을 끈다.", " 공을 받는다."]),
    ],
    "sentineg": [
        ("문장: 맛이 없지 않아요 긍부정:", [" 부정", " 긍정"]),
        ("문장: 다시 사지 않을래요 긍부정:", [" 부정", " 긍정"]),
    ],
    "wic": [
        (
            "문장1: [배]가 항구에 닿았다. 문장2: [배]를 먹었다. 두 문장에서 배가 같은 뜻으로 쓰였나?",
            [" 아니오", " 예"],
        ),
        ("문장1: [손]을 씻었다. 문장2: [손]이 차다. 두 문장에서 손가 같은 뜻으로 쓰였나?", [" 아니오", " 예"]),
    ],
}
"""Contexts and continuations as they must be; a space that matters is there."""

ASKED_BY_XNLI = {
    "ar": ("صحيح", "نعم", "لذا", "رقم"),
    "bg": ("правилно", "да", "така", "не"),
    "de": ("richtig", "Ja", "Auch", "Nein"),
    "el": ("σωστός", "Ναί", "Έτσι", "όχι"),
    "en": ("right", "Yes", "Also", "No"),
    "es": ("correcto", "Sí", "Asi que", "No"),
    "fr": ("correct", "Oui", "Aussi", "Non"),
    "hi": ("सही", "हाँ", "इसलिए", "नहीं"),
    "ko": ("맞지", "예", "또한", "아니요"),
    "ru": ("правильно", "Да", "Так", "Нет"),
    "sw": ("sahihi", "Ndiyo", "Hivyo", "Hapana"),
    "th": ("ถูกต้อง", "ใช่", "ดังนั้น", "ไม่"),
    "tr": ("doğru", "Evet", "Böylece", "Hayır"),
    "ur": ("صحیح", "جی ہاں", "اس لئے", "نہیں"),
    "vi": ("đúng", "Vâng", "Vì vậy", "Không"),
    "zh": ("正确", "是的", "所以", "不是的"),
}
"""The words of the templates; the Arabic for No means "number", and stays as it is upstream."""


def asked(task: Any, limit: int | None = None, few_shot: int = 0) -> Texts:
    """Everything that the harness would have a model read for a task."""
    task.set_config(key="num_fewshot", value=few_shot)
    task.set_fewshot_seed(seed=7)
    with quiet():
        task.build_all_requests(limit=limit, rank=0, world_size=1)
    return [tuple(instance.args) for instance in task.instances]


def run_directly(model: Path, tasks: Sequence[Any], limit: int | None = None, few_shot: int = 0) -> Mapping[str, Any]:
    """Have the harness run tasks from its own entry point."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    options = {"pretrained": str(model), "dtype": "float32"}
    with quiet(), patch("lm_eval.evaluator.add_env_info"):  # it asks pip and the compiler, which takes seconds
        said = simple_evaluate(
            "hf",
            options,
            list(tasks),
            few_shot,
            batch_size=4,
            device="cpu",
            limit=limit,
            fewshot_random_seed=7,
            task_manager=TaskManager(include_defaults=False),  # or all of the harness's 14,000 files are read
        )
    assert said is not None
    return {name: dict(said["results"][name]) for name in said["results"]}


def with_bytes(task_folder: str, name: str) -> dict[str, Any]:
    """Ask the harness for accuracy per byte too, which none of these tasks does."""
    import lm_eval.tasks
    from lm_eval.tasks._yaml_loader import load_yaml

    config = load_yaml(Path(lm_eval.tasks.__file__).parent / task_folder / f"{name}.yaml")
    more = {"metric": "acc_bytes", "aggregation": "mean", "higher_is_better": True}
    return {"metric_list": [*config["metric_list"], more]}


@pytest.mark.parametrize("task", KOBEST)
def test_kobest_is_asked_as_the_harness_asks(task: str, tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    source, _ = kobest_task(task, write_kobest(tmp_path / "data"), "test")
    ours = asked(open_tasks([source], tmp_path / "tasks")[f"kobest_{task}"])
    with quiet():
        theirs = asked(harness_task(f"kobest_{task}", "kobest", {"test": HUB_COLUMNS[task]}))
    assert ours == theirs
    assert ours == [(context, choice) for context, choices in SAID_OF_KOBEST[task] for choice in choices]


def test_worked_examples_are_those_that_the_harness_draws(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    data = write_kobest(write_kobest(tmp_path / "data"), "train")
    source, _ = kobest_task("copa", data, "test", examples=True)
    ours = asked(open_tasks([source], tmp_path / "tasks")["kobest_copa"], few_shot=2)
    parts = {"train": HUB_COLUMNS["copa"], "test": HUB_COLUMNS["copa"]}
    with quiet():
        assert ours == asked(harness_task("kobest_copa", "kobest", parts), few_shot=2)
    assert ours[0][0].count("\n\n") == 2


@pytest.mark.parametrize("language", [*LANGUAGES, "ko"])
def test_xnli_is_asked_in_the_words_of_each_language(language: str, tmp_path: Path) -> None:
    question, *words = ASKED_BY_XNLI[language]
    (tmp_path / "tasks").mkdir()
    data = write_nli(tmp_path / f"xnli.dev.{language}.tsv", [('He said "Mama, I\'m home".', "He's here.", "neutral")])
    source, _ = nli_task(language, data, "dev")
    task = open_tasks([source], tmp_path / "tasks")[f"xnli_{language}"]
    ours = asked(task)
    assert ours == [("", f" He said \"Mama, I'm home\"., {question}? {word}, He's here.") for word in words]
    assert task.doc_to_target(task.eval_docs[0]) == 1
    if language != "ko":
        documents = {"validation": read_nli(data, language)}
        with quiet():
            assert ours == asked(harness_task(f"xnli_{language}", "xnli", documents))


@pytest.mark.parametrize("few_shot", [0, 1])
def test_every_metric_is_that_of_a_direct_run_whether_tasks_are_asked_together_or_apart(
    few_shot: int, tmp_path: Path
) -> None:
    model = small_decoder(tmp_path / "model", bos_token="<s>", eos_token="</s>")
    (tmp_path / "tasks").mkdir()
    data = write_kobest(write_kobest(tmp_path / "data"), "train")
    sources = [kobest_task(task, data, "test", examples=few_shot > 0)[0] for task in KOBEST]
    tasks, reader = open_tasks(sources, tmp_path / "tasks"), open_reader(model)
    answers = answer_tasks(reader, tasks, few_shot=few_shot, seed=7)
    assert answers is not None
    apart: dict[str, Any] = {}
    for name, task in tasks.items():
        texts = [tuple(arguments) for _, *arguments in asked_texts(task, few_shot=few_shot, seed=7)]
        apart |= answer_tasks(reader, {name: task}, few_shot=few_shot, seed=7) or {}
        assert texts == [tuple(request.args) for request in task.instances]
        assert apart[name].log_likelihoods == pytest.approx(answers[name].log_likelihoods, abs=1e-4)
    with quiet():
        theirs = [
            harness_task(
                f"kobest_{task}",
                "kobest",
                {part: HUB_COLUMNS[task] for part in ("train", "test")},
                **with_bytes("kobest", f"kobest_{task}"),
            )
            for task in KOBEST
        ]
    said = run_directly(model, theirs, few_shot=few_shot)
    assert_equal(answers, said)
    assert_equal(apart, said)


def assert_equal(answers: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    """Compare all metrics, those that the harness says and those that are worked out from its log-likelihoods."""
    assert answers.keys() == said.keys()
    for name, one in answers.items():
        for metric in one.metrics:
            theirs = said[name].get(f"{'f1' if metric == 'macro_f1' else metric},none")
            if theirs is None:
                assert (name[:4], metric) == ("xnli", "macro_f1")
                continue
            assert one.value(metric) == theirs, (name, metric)
            if metric != "macro_f1":
                assert (one.predicted(metric) == one.gold).mean() == pytest.approx(theirs, abs=1e-12), (name, metric)
            if metric in one.errors:
                assert one.errors[metric] == said[name][f"{metric}_stderr,none"]


def test_the_average_by_size_is_the_harnesss_group(tmp_path: Path) -> None:
    from lm_eval.api.group import Group
    from lm_eval.config.group import GroupConfig
    from lm_eval.tasks._yaml_loader import load_yaml

    from vocabx.eval.harness.tasks import require_harness
    from vocabx.evaluation.harness.scores import score_models

    model = small_decoder(tmp_path / "model", bos_token="<s>")
    (tmp_path / "tasks").mkdir()
    data = write_kobest(tmp_path / "data")
    path = data / "COPA" / "test.tsv"
    path.write_text(path.read_text() + "3\t잠이 왔다.\t결과\t잤다.\t뛰었다.\t1\r\n", newline="")
    tasks = open_tasks([kobest_task(task, data, "test")[0] for task in KOBEST], tmp_path / "tasks")
    answers = answer_tasks(open_reader(model), tasks)
    assert answers is not None
    group = Group.from_config(GroupConfig(**load_yaml(require_harness() / "kobest" / "_kobest.yaml")))
    for task in tasks.values():
        group.add(task)
    numbers = {
        name: {"sample_len": len(one), **{f"{metric},none": value for metric, value in one.reported.items()},
               **{f"{metric}_stderr,none": 0.1 for metric in one.reported}}
        for name, one in answers.items()
    }  # fmt: skip
    theirs = group.aggregate(numbers)
    ours = {
        score.metric: score.value
        for score in score_models("kobest", {"a": answers}, 0)
        if score.task == "kobest, average by size"
    }
    assert ours["acc"] == pytest.approx(theirs["acc,none"], abs=1e-12)
    assert ours["macro_f1"] == pytest.approx(theirs["f1,none"], abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("task", KOBEST)
def test_all_of_kobests_real_items_are_asked_as_the_harness_asks(
    task: str, tmp_path: Path, resources: Callable[[str], Path]
) -> None:
    data = resources("kobest")
    (tmp_path / "tasks").mkdir()
    ours = asked(open_tasks([kobest_task(task, data, "dev")[0]], tmp_path / "tasks")[f"kobest_{task}"])
    with quiet():
        documents = read_kobest(kobest_file(data, task, "dev"), task)
        theirs = asked(harness_task(f"kobest_{task}", "kobest", {"test": documents}))
    assert ours == theirs
    assert len(ours) == len(documents) * (4 if task == "hellaswag" else 2)


@pytest.mark.slow
def test_a_real_model_on_real_items_scores_what_a_direct_run_does(
    tmp_path: Path, resources: Callable[[str], Path]
) -> None:
    data, model = resources("kobest"), resources("smollm2")
    pairs = resources("xnli")
    (tmp_path / "tasks").mkdir()
    sources: list[TaskSource] = [kobest_task(task, data, "dev")[0] for task in KOBEST]
    sources += [nli_task(language, pairs, "dev")[0] for language in ("en", "sw")]
    answers = answer_tasks(open_reader(model), open_tasks(sources, tmp_path / "tasks"), limit=8, seed=7)
    assert answers is not None
    with quiet():
        theirs = [
            harness_task(
                f"kobest_{task}",
                "kobest",
                {"test": read_kobest(kobest_file(data, task, "dev"), task)},
                **with_bytes("kobest", f"kobest_{task}"),
            )
            for task in KOBEST
        ]
        theirs += [
            harness_task(
                f"xnli_{language}",
                "xnli",
                {"validation": read_nli(pairs / f"xnli.dev.{language}.tsv", language)},
                **with_bytes("xnli", f"xnli_{language}"),
            )
            for language in ("en", "sw")
        ]
    assert_equal(answers, run_directly(model, theirs, limit=8))
