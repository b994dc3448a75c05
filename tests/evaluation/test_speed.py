from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.eval.encoders import tiny_encoder
from tests.eval.models import tiny_model, tiny_tokenizer, write_model
from vocabx.cli import main
from vocabx.core.errors import CorpusError, InputError
from vocabx.evaluation import speed as module
from vocabx.evaluation.reporting.report import to_report
from vocabx.evaluation.result import Result, Score
from vocabx.evaluation.speed import evaluate_speed
from vocabx.evaluation.speed_request import CHARACTERS, SpeedRequest

pytestmark = pytest.mark.torch
LINES = ["한국어 문장 하나", "a line", "x", "another line of text", "한국어 문장 하나"]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("models")
    tokenizers = {
        "base": tiny_tokenizer(bos_token="<s>"),
        "korean": tiny_tokenizer(["한국어", "문장"], bos_token="<s>"),
    }
    return [write_model(root / name, tiny_model(len(one)), one) for name, one in tokenizers.items()]


def score(result: Result, model: str, task: str, metric: str) -> Score:
    (found,) = (one for one in result.scores if (one.model, one.task, one.metric) == (model, task, metric))
    return found


def test_exact_scores_are_counts_of_the_drawn_text(text: Path, models: list[Path]) -> None:
    result = evaluate_speed(models, SpeedRequest(text, minimum_characters=6, repeats=2))
    characters, tokens = 9 + 6 + 20, 23 + 6 + 20
    saved = (9 - 1) + (6 - 1)
    assert [model.name for model in result.models] == ["base", "korean"]
    assert score(result, "base", "text", "tokens per character").value == tokens / characters
    assert score(result, "korean", "text", "tokens per character").value == (tokens - saved) / characters
    assert score(result, "korean", "text", "share of the first").value == (tokens - saved) / tokens
    vectors, starts = 2 * 2 * 16 * 4, 3
    cache = score(result, "korean", "cache", "bytes per character")
    assert cache.value == vectors * (tokens - saved + starts) / characters
    assert (cache.items, result.settings["texts"], result.settings["characters"]) == (3, 3, characters)


def test_a_directory_of_texts_is_described_file_by_file(text: Path, models: list[Path]) -> None:
    result = evaluate_speed(models[:1], SpeedRequest(text.parent, minimum_characters=6, repeats=1))
    assert [file.name for file in result.data] == ["lines.txt"]


def test_speeds_come_with_their_slowest_and_fastest_repeat(text: Path, models: list[Path]) -> None:
    result = evaluate_speed(models, SpeedRequest(text, minimum_characters=6, repeats=3, batch_size=2))
    for task, metric in [
        ("writing", "characters per second"),
        ("reading", "bytes per second"),
        ("writing", "speed-up"),
    ]:
        one = score(result, "korean", task, metric)
        assert one.low is not None
        assert one.high is not None
        assert 0 < one.low <= one.value <= one.high
    for task in ("writing", "reading"):
        own = score(result, "base", task, "speed-up")
        assert (own.low, own.value, own.high) == (1, 1, 1)
    assert Result.from_json(json.loads(json.dumps(result.to_json()))).kind == "speed"
    assert "speed-up" in to_report(result).to_text()


def test_the_beginning_of_a_text_is_taken_and_lines_that_are_alike_once(text: Path) -> None:
    assert SpeedRequest(text, characters=6, minimum_characters=6).draw() == ["한국어 문장", "a line", "anothe"]
    assert SpeedRequest(text, characters=6, minimum_characters=100).draw() == ["한국어 문장", "a line", "anothe"]


def test_the_same_seed_draws_the_same_texts_in_the_order_of_the_file(text: Path) -> None:
    drawn = [SpeedRequest(text, limit=2, minimum_characters=1, seed=seed).draw() for seed in range(9)]
    assert drawn[0] == SpeedRequest(text, limit=2, minimum_characters=1, seed=0).draw()
    assert len(set(map(tuple, drawn))) > 1
    assert all(LINES.index(first) < LINES.index(second) for first, second in drawn)


@pytest.mark.parametrize("name", ["limit", "characters", "minimum_characters"])
def test_numbers_that_make_no_sense_are_named(text: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"--{name.replace('_', '-')} is 0"):
        SpeedRequest(text, **{name: 0}).draw()


def test_a_file_without_a_text_that_is_long_enough_is_said(text: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no line of 100 characters"):
        SpeedRequest(text).draw()
    with pytest.raises(CorpusError, match="There is no corpus file"):
        SpeedRequest(tmp_path / "missing.txt").draw()


def test_texts_are_cut_alike_where_a_context_is_shorter_and_a_note_says_to_what(
    models: list[Path], tmp_path: Path
) -> None:
    """A context of 64 holds the start token and 63 bytes: 21 Hangul, or of mixed text fewer characters than bytes."""
    path = tmp_path / "long.txt"
    path.write_text("가나다라마바사아자차" * 20 + "\n" + "b" * 90 + "\n", encoding="utf-8")
    request = SpeedRequest(path, minimum_characters=15, repeats=1)
    result = evaluate_speed(models, request)
    cut = result.settings["characters of each text"]
    assert cut == 21
    assert result.settings["characters"] == 2 * 21
    (note,) = (note for note in result.notes if "instead of" in note)
    assert note == (
        "Of each text 21 characters at most are taken instead of 400: base reads 64 tokens at most, and text 1 is 601."
    )
    asked = evaluate_speed(models, replace(request, characters=21))
    assert score(asked, "korean", "text", "tokens per character") == score(
        result, "korean", "text", "tokens per character"
    )
    assert not any("instead of" in note for note in asked.notes)


def test_a_text_that_is_too_long_as_asked_names_the_model_and_a_length_before_weights_are_read(
    text: Path, models: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("weights were read")

    monkeypatch.setattr(module, "load_decoder", refuse)
    path = tmp_path / "long.txt"
    path.write_text("b" * 90 + "\n")
    with pytest.raises(InputError, match=r"korean reads 64 tokens at most, and text 1 is 81\..* --characters 63 fits"):
        evaluate_speed(models[1:], SpeedRequest(path, characters=80))


def test_an_encoder_is_refused(text: Path, tmp_path: Path) -> None:
    encoder = tiny_encoder()
    directory = write_model(tmp_path / "bert", encoder.model, encoder.tokenizer)
    with pytest.raises(InputError, match="is an encoder"):
        evaluate_speed([directory], SpeedRequest(text, minimum_characters=1))


def test_the_command_prints_a_table_and_writes_the_result(text: Path, models: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "speed.json"
    options = ["--text", f"ko={text}", "--minimum-characters", "6", "--repeats", "1", "--out", str(out)]
    ran = CliRunner().invoke(main, ["evaluate", "speed", *map(str, models), *options])
    assert ran.exit_code == 0, ran.output
    assert "characters per second" in ran.stdout
    assert Result.load(out).settings["repeats"] == 1


def test_the_defaults_of_the_command_are_those_of_the_library() -> None:
    from vocabx.cli.evaluate_speed import command

    defaults = {option.name: option.default for option in command.params}
    request = SpeedRequest(Path())
    for name in ("limit", "minimum_characters", "batch_size", "repeats", "seed"):
        assert defaults[name] == getattr(request, name)
    (characters,) = (option.help for option in command.params if option.name == "characters")
    assert f"Default: {CHARACTERS}," in str(characters)
