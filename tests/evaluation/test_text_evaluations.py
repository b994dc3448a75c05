"""Bits per byte, fertility and retention of tiny models, as results and as commands."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from click.testing import Result as Ran

from tests.evaluation.text_models import ENGLISH, KOREAN, Directories, write_directories
from vocabx.core.errors import CheckpointError, CorpusError, InputError
from vocabx.eval.bits_per_byte import bits_per_byte, score_documents
from vocabx.eval.masked_loss import masked_loss
from vocabx.evaluation.bits_per_byte import evaluate_bits_per_byte
from vocabx.evaluation.fertility import evaluate_fertility
from vocabx.evaluation.parts import Parts
from vocabx.evaluation.result import Result
from vocabx.evaluation.retention import evaluate_retention
from vocabx.evaluation.text import document_scores
from vocabx.evaluation.text.document_scores import Windows
from vocabx.evaluation.text.documents import DocumentSettings

pytestmark = pytest.mark.torch
Value = Callable[[str, str, str], float]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Directories:
    return write_directories(tmp_path_factory.mktemp("text models"))


def values(result: Result) -> dict[tuple[str, str, str], float]:
    return {(score.task, score.model, score.metric): score.value for score in result.scores}


def texts_of(made: Directories) -> list[str]:
    return [f"ko={made.korean}", f"en={made.english}"]


def run(*arguments: Any) -> Ran:
    from vocabx.cli import main

    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)])


def test_bits_per_byte_of_documents_with_old_and_new_tokens(made: Directories) -> None:
    result = evaluate_bits_per_byte([made.base, made.extended], texts_of(made))
    found = values(result)
    documents = [text for text in KOREAN if text.strip()]
    for name in ("base", "extended"):
        expected = bits_per_byte(made.base.parent / name, documents)
        assert found["ko", name, "bits per byte"] == pytest.approx(expected.value, rel=1e-5)
    assert 0 < found["ko", "extended", "share of new tokens"] < 1
    assert ("en", "extended", "share of new tokens") not in found
    assert ("ko", "base", "bits per byte, new tokens") not in found
    [gap, _] = result.differences
    assert gap.value == pytest.approx(found["ko", "extended", "bits per byte"] - found["ko", "base", "bits per byte"])
    assert gap.low is not None
    assert gap.high is not None
    assert gap.low <= gap.value <= gap.high
    assert "ko: 1 documents were left out, because they are empty." in result.notes
    (start,) = (note for note in result.notes if "after the tokenizer's BOS" in note)
    assert start.startswith("base, extended: each document")


def test_old_and_new_tokens_share_bytes_and_nats(made: Directories) -> None:
    found = values(evaluate_bits_per_byte([made.extended], [f"ko={made.korean}"]))
    new = {token.id: len(token.piece) for token in _new_tokens(made)}
    total = sum(len(text.encode()) for text in KOREAN)
    from transformers import AutoTokenizer

    ids = [token for text in KOREAN for token in AutoTokenizer.from_pretrained(made.extended)(text)["input_ids"]]
    share = sum(new.get(token, 0) for token in ids) / total
    both = [found["ko", "extended", f"bits per byte, {age} tokens"] for age in ("old", "new")]
    assert both[0] * (1 - share) + both[1] * share == pytest.approx(found["ko", "extended", "bits per byte"], rel=1e-6)


def _new_tokens(made: Directories) -> Any:
    from vocabx.manifest import Manifest

    return Manifest.load(made.extended).new_tokens


def test_a_masked_model_is_measured_as_one_and_never_compared_with_a_causal_one(
    made: Directories, tmp_path: Path
) -> None:
    text = tmp_path / "letters.txt"
    text.write_text("abcd a.b\nfed cab\n")
    result = evaluate_bits_per_byte([made.base, made.masked], [str(text)])
    expected = masked_loss(made.masked, ["abcd a.b", "fed cab"]).value
    assert values(result)["letters", "masked", "bits per byte"] == pytest.approx(expected, rel=1e-5)
    assert result.differences == []
    assert any("Masked and causal models do not compare" in note for note in result.notes)


def test_what_is_asked_for_as_masked_must_have_a_masked_head(made: Directories) -> None:
    with pytest.raises(CheckpointError, match="masked language model"):
        evaluate_bits_per_byte([made.base], texts_of(made), masked=True)


def test_an_interrupted_evaluation_goes_on_where_it_was(
    made: Directories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_scores, "DOCUMENTS_AT_ONCE", 2)
    whole = evaluate_bits_per_byte([made.base, made.extended], texts_of(made))
    measure, calls = score_documents, list[Any]()

    def break_off(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments[2])
        if len(calls) == 6:
            raise KeyboardInterrupt
        return measure(*arguments, **options)

    monkeypatch.setattr(document_scores, "score_documents", break_off)
    parts = Parts(tmp_path / "parts")
    with pytest.raises(KeyboardInterrupt):
        evaluate_bits_per_byte([made.base, made.extended], texts_of(made), parts=parts)
    again = evaluate_bits_per_byte([made.base, made.extended], texts_of(made), parts=parts)
    assert len(calls) == 6 + 3  # two pieces of each text and model are eight; five were kept
    assert values(again) == pytest.approx(values(whole), rel=1e-6)
    assert [gap.low for gap in again.differences] == pytest.approx([gap.low for gap in whole.differences])
    evaluate_bits_per_byte([made.base], texts_of(made), parts=parts, windows=Windows(32))
    assert len(calls) == 6 + 3 + 4  # other windows are measured anew


def test_the_seconds_of_a_model_are_those_of_all_runs(made: Directories, tmp_path: Path) -> None:
    models, texts = [made.base, made.extended], [f"en={made.english}"]
    for place, evaluate, pieces in (("bits", evaluate_bits_per_byte, [1, 1]), ("kept", evaluate_retention, [1, 2])):
        parts = Parts(tmp_path / place)
        first = evaluate(models, texts, parts=parts)
        assert all(model.seconds for model in first.models)
        for file in (tmp_path / place).iterdir():
            file.write_text(json.dumps({**json.loads(file.read_text()), "seconds": 1000}))
        again = evaluate(models, texts, parts=parts)
        assert [model.seconds for model in again.models] == [1000 * count for count in pieces]
        assert again.scores == first.scores


def test_what_was_kept_is_not_taken_for_a_model_with_other_new_tokens(made: Directories, tmp_path: Path) -> None:
    from vocabx.manifest import FILE_NAME

    alike = tmp_path / "alike"
    shutil.copytree(made.extended, alike)
    (alike / FILE_NAME).unlink()
    parts = Parts(tmp_path / "parts")
    first, second = (
        values(evaluate_bits_per_byte([place], [f"ko={made.korean}"], parts=parts)) for place in (made.extended, alike)
    )
    assert ("ko", "extended", "share of new tokens") in first
    assert ("ko", "alike", "share of new tokens") not in second


def test_fertility_counts_what_the_audit_counts(made: Directories) -> None:
    result = evaluate_fertility([made.base, made.extended], texts_of(made))
    found = values(result)
    assert found["en", "base", "tokens per byte"] == 1  # it has nothing but bytes
    assert found["ko", "extended", "tokens per byte"] < 1
    assert found["ko", "base", "byte fallback"] > found["ko", "extended", "byte fallback"]
    gap = next(one for one in result.differences if (one.task, one.metric) == ("ko", "tokens per byte"))
    assert gap.value == pytest.approx(found["ko", "extended", "tokens per byte"] - 1)
    assert Result.from_json(json.loads(json.dumps(result.to_json()))).to_json() == result.to_json()


def test_fertility_needs_no_more_than_a_tokenizer(made: Directories, tmp_path: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((made.extended / name).read_bytes())
    alone, whole = (values(evaluate_fertility([place], texts_of(made))) for place in (tmp_path, made.extended))
    assert list(alone.values()) == list(whole.values())


def test_an_extended_model_keeps_what_it_was_where_its_ids_are_the_same(made: Directories) -> None:
    result = evaluate_retention([made.base, made.extended], texts_of(made))
    found = values(result)
    assert found["en", "extended", "documents changed"] == 0
    assert found["en", "extended", "tokens changed"] == 0
    assert found["ko", "extended", "documents changed"] == 1
    # Old rows are the base's to the bit, so that over old ids nothing is another.
    assert found["en", "extended", "KL from the base, nats per token"] == pytest.approx(0, abs=1e-5)
    assert 0 < found["en", "extended", "mass on new ids"] < 1
    assert 0 < found["en", "extended", "same likeliest token"] <= 1
    assert ("ko", "extended", "same likeliest token") not in found
    assert "extended, ko: no document kept all its ids, so no predictions can be compared." in result.notes
    assert not any(note.startswith("extended, en: no document") for note in result.notes)
    gap = next(one for one in result.differences if one.task == "en")
    # The start token is in the windows, but costs nothing.
    tokens = sum(len(text.encode()) for text in ENGLISH if text.strip())
    items = {score.metric: score.items for score in result.scores if score.task == "en" and score.model == "extended"}
    assert items["same likeliest token"] == tokens
    bits = -math.log2(1 - found["en", "extended", "mass on new ids"])
    assert gap.value >= bits * (1 - 1e-5)  # what new ids have is lost to old ones; the mean of logarithms is more


def test_retention_needs_a_base_and_causal_models(made: Directories) -> None:
    with pytest.raises(InputError, match="Name the base first"):
        evaluate_retention([made.base], texts_of(made))
    with pytest.raises(InputError, match="retention compares causal ones"):
        evaluate_retention([made.base, made.masked], texts_of(made))


def test_a_text_without_documents_is_a_sentence(made: Directories, tmp_path: Path) -> None:
    empty = tmp_path / "blank.txt"
    empty.write_text("\n \n")
    for evaluate in (evaluate_bits_per_byte, evaluate_fertility):
        with pytest.raises(CorpusError, match="'blank' is empty"):
            evaluate([made.base], [str(empty)])
    with pytest.raises(CorpusError, match="no document of at least 5000 bytes"):
        evaluate_fertility([made.base], texts_of(made), documents=DocumentSettings(minimum_bytes=5000))


def test_commands_print_tables_and_leave_a_result_alone(made: Directories, tmp_path: Path) -> None:
    for name, models in (
        ("bits-per-byte", (made.base, made.extended)),
        ("fertility", (made.base, made.extended)),
        ("retention", (made.base, made.extended)),
    ):
        out = tmp_path / f"{name}.json"
        ran = run(name, *models, "--text", f"en={made.english}", "--limit", 3, "--out", out)
        assert ran.exit_code == 0, ran.output
        assert "extended" in ran.stdout
        assert Result.load(out).kind == name
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "bits-per-byte.json",
        "fertility.json",
        "retention.json",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stride", "2000"], "--stride is 2000"),
        (["--window", "1"], "--window is 1"),
        (["--limit", "0"], "--limit is 0"),
        (["--minimum-bytes", "0"], "--minimum-bytes is 0"),
        (["--dtype", "int3"], "no type to compute in"),
        (["--device", "abacus"], "no device 'abacus'"),
    ],
)
def test_an_option_that_makes_no_sense_is_one_sentence(made: Directories, arguments: list[str], message: str) -> None:
    ran = run("bits-per-byte", made.base, "--text", made.english, *arguments)
    assert ran.exit_code == 1
    assert message in ran.stderr.strip().splitlines()[-1]
    assert ran.stdout == ""


def test_a_text_that_is_longer_than_the_context_is_read_in_windows(made: Directories, tmp_path: Path) -> None:
    text = tmp_path / "long.txt"
    text.write_text("the quick brown fox " * 20)
    result = evaluate_bits_per_byte([made.base], [str(text)])
    assert "base: 64 tokens were read at once, its context, instead of 1024." in result.notes
    expected = bits_per_byte(made.base, [text.read_text()], window=64, stride=32).value
    assert values(result)["long", "base", "bits per byte"] == pytest.approx(expected, rel=1e-6)
