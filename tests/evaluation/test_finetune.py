"""`vocabx evaluate xnli --finetune` and `vocabx evaluate ner`, on tiny models and toy tasks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests.eval.finetune.toys import QUICK, toy_model, toy_pairs, toy_sentences, write_conll, write_pairs
from tests.eval.models import tiny_model, tiny_tokenizer, write_model
from vocabx.cli import main
from vocabx.cli.evaluate_finetune import read_tests
from vocabx.core.errors import InputError
from vocabx.eval.finetune.conll import Sentences
from vocabx.eval.finetune.pairs import Pairs
from vocabx.evaluation.finetune import InferenceFiles, finetune_xnli
from vocabx.evaluation.finetuning import Finetuning, open_class
from vocabx.evaluation.ner import EntityFiles, finetune_ner
from vocabx.evaluation.parts import Parts
from vocabx.evaluation.reporting.report import to_report
from vocabx.evaluation.result import Result, Score

ONE_STEP = Finetuning(replace(QUICK, steps=1), seeds=1)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    pytest.importorskip("torch")
    root = tmp_path_factory.mktemp("models")
    return [toy_model(root / name, seed) for seed, name in enumerate(("base", "extended"))]


def pick(result: Result, model: str, task: str, metric: str) -> Score:
    (found,) = (one for one in result.scores if (one.model, one.task, one.metric) == (model, task, metric))
    return found


def swahili(pairs: Pairs) -> Pairs:
    """Return the same pairs with other premises, row by row."""
    return Pairs([f"f {text}" for text in pairs.premises], pairs.hypotheses, pairs.labels)


@pytest.fixture
def files(tmp_path: Path) -> InferenceFiles:
    pairs = toy_pairs(12)
    english = write_pairs(tmp_path / "en.tsv", pairs)
    return InferenceFiles(english, {"sw": write_pairs(tmp_path / "sw.tsv", swahili(pairs)), "en": english}, folds=3)


@pytest.mark.torch
def test_a_task_that_can_be_learned_is_far_above_its_floor_in_both_languages(
    models: list[Path], files: InferenceFiles
) -> None:
    result = finetune_xnli(models[:1], files, Finetuning(QUICK, seeds=2))
    for task in ("xnli_sw", "xnli_en"):
        score = pick(result, "base", task, "accuracy")
        assert score.floor == pytest.approx(1 / 3)
        assert score.items == 36
        assert score.low is not None
        assert score.high is not None
        assert score.floor is not None
        assert score.floor < score.low <= score.value <= score.high
        seeds = [pick(result, "base", task, f"accuracy, seed {seed}").value for seed in (0, 1)]
        assert score.value == pytest.approx(np.mean(seeds))
        deviation = pick(result, "base", task, "accuracy, deviation over seeds")
        assert deviation.value == pytest.approx(np.std(seeds, ddof=1))


@pytest.mark.torch
def test_a_model_does_not_differ_from_itself_and_the_same_seed_gives_the_same_result(
    models: list[Path], files: InferenceFiles, tmp_path: Path
) -> None:
    (tmp_path / "copy").mkdir()
    for file in models[0].iterdir():
        (tmp_path / "copy" / file.name).write_bytes(file.read_bytes())
    result = finetune_xnli([models[0], tmp_path / "copy"], files, ONE_STEP)
    assert {(one.value, one.low, one.high) for one in result.differences} == {(0, 0, 0)}
    again = finetune_xnli(models[:1], files, ONE_STEP)
    assert [replace(one, model="") for one in result.scores if one.model == "base"] == [
        replace(one, model="") for one in again.scores
    ]


@pytest.mark.torch
def test_a_result_says_what_decides_it_and_survives_its_file(
    models: list[Path], files: InferenceFiles, tmp_path: Path
) -> None:
    result = finetune_xnli(models, files, ONE_STEP)
    assert result.kind == "xnli --finetune"
    assert [one.name for one in result.data] == ["en.tsv", "sw.tsv"]
    assert [(one.model, one.against, one.task) for one in result.differences] == [
        ("extended", "base", "xnli_sw"),
        ("extended", "base", "xnli_en"),
    ]
    assert result.settings["folds"] == 3
    assert result.settings["steps"] == 1
    assert "accelerate" in result.versions
    assert any("3 folds of 12 premises; each model learned from 24 pairs" in note for note in result.notes)
    result.save(tmp_path / "result.json")
    assert Result.load(tmp_path / "result.json").scores == result.scores
    assert "xnli_sw" in to_report(result).to_text()


@pytest.mark.torch
def test_without_folds_premises_on_both_sides_are_counted(models: list[Path], tmp_path: Path) -> None:
    pairs = toy_pairs(6)
    train = write_pairs(tmp_path / "train.tsv", pairs)
    test = write_pairs(
        tmp_path / "test.tsv", Pairs([*pairs.premises[:3], "e e"], ["a", "b", "c", "a"], np.arange(4) % 3)
    )
    result = finetune_xnli(models[:1], InferenceFiles(train, {"en": test}), ONE_STEP)
    assert any("3 of 4 pairs in en have a premise that was trained on" in note for note in result.notes)
    assert pick(result, "base", "xnli_en", "accuracy").floor == 0.5


@pytest.mark.torch
def test_without_folds_premises_that_were_trained_on_in_another_language_are_counted(
    models: list[Path], files: InferenceFiles, tmp_path: Path
) -> None:
    pairs = toy_pairs(12)
    apart = write_pairs(tmp_path / "vi.tsv", replace(swahili(pairs), labels=(pairs.labels + 1) % 3))
    result = finetune_xnli(models[:1], replace(files, tests={**files.tests, "vi": apart}, folds=None), ONE_STEP)
    assert [note for note in result.notes if "trained on" in note] == [
        "12 of 12 tested premises in sw were trained on, in another language: use --folds. Row by row the test has the "
        "labels of the training pairs, so the two files are parallel.",
        "36 of 36 pairs in en have a premise that was trained on: use --folds.",
    ]


def test_of_epochs_and_steps_the_settings_hold_what_counts() -> None:
    assert Finetuning(replace(QUICK, steps=7)).settings().items() >= {"steps": 7}.items()
    assert "epochs" not in Finetuning(replace(QUICK, steps=7)).settings()
    assert Finetuning(replace(QUICK, epochs=2.0, steps=None)).settings()["epochs"] == 2
    assert "steps" not in Finetuning(replace(QUICK, steps=None)).settings()


def test_folds_are_of_premises_that_are_shared_in_any_language(tmp_path: Path) -> None:
    """The translator gave the first two premises the same words, so they are never on two sides."""
    pairs = toy_pairs(6)
    premises = [*["d"] * 6, *(f"f {text}" for text in pairs.premises[6:])]
    english = write_pairs(tmp_path / "en.tsv", pairs)
    other = write_pairs(tmp_path / "sw.tsv", Pairs(premises, pairs.hypotheses, pairs.labels))
    data = InferenceFiles(english, {"sw": other}, folds=5).read(None, 0)
    assert data.folds is not None
    assert len(set(data.folds[:6].tolist())) == 1
    assert data.groups["sw"].tolist() == np.repeat([0, 0, 1, 2, 3, 4], 3).tolist()


def test_languages_of_one_file_are_kept_apart_and_their_premises_together(tmp_path: Path) -> None:
    """Swahili is the same for the first two premises, and is neither the first nor the last language of the file."""
    rows = [("en", number, f"en {number}") for number in range(4)]
    rows += [("sw", number, f"sw {max(number, 1)}") for number in range(4)]
    rows += [("vi", number, f"vi {number}") for number in range(4)]
    lines = [f"{language}\t{premise}\tb\t{number % 3}" for language, number, premise in rows]
    (tmp_path / "all.tsv").write_text("\n".join(["language\tpremise\thypothesis\tlabel", *lines]) + "\n")
    path = tmp_path / "all.tsv"
    data = InferenceFiles(path, dict.fromkeys(("en", "sw", "vi"), path), folds=3, language="en").read(None, 0)
    assert data.train.premises == ["en 0", "en 1", "en 2", "en 3"]
    assert data.groups["vi"].tolist() == [0, 0, 1, 2]


def test_folds_need_rows_that_belong_together(tmp_path: Path) -> None:
    english = write_pairs(tmp_path / "en.tsv", toy_pairs(4))
    shorter = write_pairs(tmp_path / "sw.tsv", toy_pairs(3))
    with pytest.raises(InputError, match=r"en\.tsv has 12 rows and .*sw\.tsv \(sw\) has 9"):
        InferenceFiles(english, {"sw": shorter}, folds=2).read(None, 0)
    with pytest.raises(InputError, match="5 folds cannot be made of 4"):
        InferenceFiles(english, {"en": english}, folds=5).read(None, 0)
    with pytest.raises(InputError, match="no test"):
        InferenceFiles(english, {}).read(None, 0)


@pytest.mark.parametrize("wrong", [{"seeds": 0}, {"limit": 0}])
def test_no_seed_and_no_example_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InputError, match="must be 1 or more"):
        Finetuning(**wrong)  # type: ignore[arg-type]


@pytest.mark.torch
def test_a_factorised_model_learns_too_and_keeps_its_two_factors(tmp_path: Path) -> None:
    from tests.checkpoint.models import ROWS
    from tests.factorization.models import RANK, write
    from vocabx.eval.finetune.learner import open_learner

    base = toy_model(tmp_path / "base", rows=ROWS)
    factorized = write(base, tmp_path / "factorized", "model")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (factorized / name).write_bytes((base / name).read_bytes())
    learner = open_learner(factorized, "AutoModelForSequenceClassification", "abc", 0, opener=open_class)
    assert learner.model.get_input_embeddings().weight.shape[1] == RANK
    train = write_pairs(tmp_path / "train.tsv", toy_pairs(4))
    result = finetune_xnli([base, factorized], InferenceFiles(train, {"en": train}), ONE_STEP)
    assert [model.name for model in result.models] == ["base", "factorized"]


@pytest.mark.torch
def test_what_the_last_model_lacks_is_said_before_the_first_is_trained(
    models: list[Path], files: InferenceFiles, tmp_path: Path
) -> None:
    tokenizer = tiny_tokenizer()
    decoder = write_model(tmp_path / "decoder", tiny_model(len(tokenizer)), tokenizer)
    said = list[str]()
    with pytest.raises(InputError, match="decoder has no padding token"):
        finetune_xnli([models[0], decoder], files, replace(ONE_STEP, say=said.append))
    assert said == []


@pytest.mark.torch
def test_a_device_that_training_does_not_run_on_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    how, absent = replace(ONE_STEP, device="cuda:99"), tmp_path / "absent"
    with pytest.raises(InputError, match="Fine-tuning runs on cpu or cuda"):
        finetune_xnli(["model"], InferenceFiles(absent, {"en": absent}), how)
    with pytest.raises(InputError, match="Fine-tuning runs on cpu or cuda"):
        finetune_ner(["model"], EntityFiles(absent, {"en": absent}), how)


@pytest.mark.torch
def test_what_was_measured_is_kept_for_the_same_settings(
    models: list[Path], files: InferenceFiles, tmp_path: Path
) -> None:
    said = list[str]()
    how = replace(ONE_STEP, say=said.append, parts=Parts(tmp_path / "parts"))
    first, told = finetune_xnli(models, files, how), len(said)
    assert told == 6
    assert finetune_xnli(models, files, how) == first
    assert len(said) == told
    finetune_xnli(models[:1], files, replace(how, seed=1))
    assert len(said) == told + 3


@pytest.mark.torch
def test_entities_are_learned_and_found_in_another_file(models: list[Path], tmp_path: Path) -> None:
    train = write_conll(tmp_path / "train.conll", toy_sentences(30))
    test = write_conll(tmp_path / "test.conll", toy_sentences(20, seed=1))
    result = finetune_ner(models, EntityFiles(train, {"sw": test}), Finetuning(QUICK, seeds=1))
    score = pick(result, "base", "ner_sw", "entity F1")
    assert score.floor is not None
    assert score.low is not None
    assert score.low > score.floor
    assert score.value > 0.9
    assert score.items == 20
    assert result.settings["tags"] == "O B-LOC I-LOC B-PER I-PER"
    assert len(result.differences) == 1


@pytest.mark.torch
def test_sentences_that_were_trained_on_are_counted(models: list[Path], tmp_path: Path) -> None:
    train = write_conll(tmp_path / "train.conll", Sentences([["a"], ["b", "c"], ["d"]], [["O"], ["O", "B-PER"], ["O"]]))
    test = write_conll(tmp_path / "test.conll", Sentences([["b"], ["b", "c"]], [["O"], ["B-PER", "O"]]))
    other = write_conll(tmp_path / "other.conll", Sentences([["c", "b"]], [["B-PER", "O"]]))
    result = finetune_ner(models[:1], EntityFiles(train, {"sw": test, "vi": other, "en": train}), ONE_STEP)
    assert [note for note in result.notes if "trained on" in note] == [
        "1 of 2 sentences in sw were trained on.",
        "3 of 3 sentences in en were trained on.",
    ]


@pytest.mark.torch
def test_commands_print_and_save_results(models: list[Path], files: InferenceFiles, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    quick = ["--steps", "1", "--seeds", "1", "--max-length", "16", "--json", "--out", str(out)]
    tests = [f"--test={name}={path}" for name, path in files.tests.items()]
    arguments = ["xnli", str(models[0]), "--finetune", f"--train=en={files.train}", *tests, "--folds=2", *quick]
    run = CliRunner().invoke(main, ["evaluate", *arguments])
    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout)["kind"] == Result.load(out).kind == "xnli --finetune"
    sentences = write_conll(tmp_path / "some.conll", toy_sentences(5))
    run = CliRunner().invoke(
        main, ["evaluate", "ner", str(models[0]), "--train", str(sentences), f"--test=en={sentences}", *quick]
    )
    assert run.exit_code == 0, run.output
    assert {one.task for one in Result.load(out).scores} == {"ner_en"}
    assert not list(tmp_path.glob(".*"))


def test_training_has_options_of_its_own_below_the_same_name() -> None:
    plain, training = (
        CliRunner().invoke(main, ["evaluate", "xnli", *flag, "--help"]).output for flag in ([], ["--finetune"])
    )
    assert "--few-shot" in plain
    assert "--finetune --help says how" in plain
    assert "--folds" in training
    assert "--few-shot" not in training


def test_every_test_has_a_language_of_its_own(tmp_path: Path) -> None:
    place = tmp_path / "a=b.tsv"
    place.touch()
    assert read_tests(["sw=c.tsv", f"en={place}"]) == {"sw": Path("c.tsv"), "en": place}


@pytest.mark.parametrize("command", [["ner"], ["xnli", "--finetune"]])
@pytest.mark.parametrize(
    ("tests", "message"),
    [
        (["b.tsv"], "b.tsv has no language; write the code of its language before it: --test CODE=b.tsv."),
        (["=b.tsv"], "b.tsv has no language; write the code of its language before it: --test CODE=b.tsv."),
        (["sw=b.tsv", "sw=c.tsv"], "'sw' is the language of two tests."),
    ],
)
def test_a_test_without_a_language_of_its_own_is_one_sentence(
    command: list[str], tests: list[str], message: str
) -> None:
    options = [*command, "x", "--train", "y", *(f"--test={test}" for test in tests)]
    run = CliRunner().invoke(main, ["evaluate", *options])
    assert run.exit_code == 2
    assert run.output.endswith(f"Error: Invalid value for --test: {message}\n")
