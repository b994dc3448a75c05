from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.eval.encoders import tiny_encoder
from tests.eval.models import tiny_model, tiny_tokenizer, write_model
from vocabx.cli import main
from vocabx.core.errors import InputError
from vocabx.eval.harness.translation import Translations
from vocabx.eval.translated_pairs import Direction
from vocabx.evaluation import translation as module
from vocabx.evaluation.reporting.combining import combine
from vocabx.evaluation.result import Result
from vocabx.evaluation.translation import evaluate_translation
from vocabx.evaluation.translation_request import TranslationRequest, read_pairs

sacrebleu = pytest.importorskip("sacrebleu")
pytest.importorskip("lm_eval")
pytestmark = pytest.mark.torch
ENGLISH = ["a house", "a book", "the book", "a red house", "red"]
KOREAN = ["집", "책", "그 책", "빨간 집", "빨강"]
LANGUAGES = ("English", "Korean")


def write_lines(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return write_lines(tmp_path / "en.txt", ENGLISH), write_lines(tmp_path / "ko.txt", KOREAN)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("models")
    tokenizer = tiny_tokenizer(bos_token="<s>", eos_token="</s>")
    names = ("base", "changed")
    return [write_model(root / name, tiny_model(len(tokenizer), seed), tokenizer) for seed, name in enumerate(names)]


def test_scores_floors_and_differences_are_those_of_sacrebleu(
    files: tuple[Path, Path], models: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"base": ["the house", "book"], "changed": ["a house", "the"]}
    order = iter(said.values())

    def fake(decoder: Any, direction: Direction, **_: Any) -> Translations:
        answers = tuple(next(order))
        score = sacrebleu.corpus_chrf(answers, [direction.pairs.target]).score
        return Translations(answers, {"chrf": score, "bleu": 1.5}, tuple(direction.prompts()))

    monkeypatch.setattr(module, "translate", fake)
    request = TranslationRequest(files, LANGUAGES, direction="back", few_shot=1, limit=2)
    result = evaluate_translation(models, request)
    references = ["a book", "the book"]
    found = {score.model: score for score in result.scores if score.metric == "chrF"}
    for name, answers in said.items():
        assert found[name].value == pytest.approx(sacrebleu.corpus_chrf(answers, [references]).score)
        assert found[name].floor == pytest.approx(sacrebleu.corpus_chrf(["책", "그 책"], [references]).score)
        assert (found[name].task, found[name].items) == ("Korean-English", 2)
    (difference,) = result.differences
    assert difference.value == pytest.approx(found["changed"].value - found["base"].value)
    assert (difference.model, difference.against) == ("changed", "base")
    assert result.settings["prompt"] == r"{source language}: {source}\n{target language}:"


def test_models_translate_both_ways_and_the_command_writes_the_result(
    files: tuple[Path, Path], models: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "translate.json"
    options = ["--source", str(files[0]), "--target", str(files[1]), "--languages", "en,ko", "--limit", "2"]
    ran = CliRunner().invoke(
        main, ["evaluate", "translate", *map(str, models), *options, "--new-tokens", "4", "--out", str(out)]
    )
    assert ran.exit_code == 0, ran.output
    result = Result.load(out)
    assert [score.task for score in result.scores if score.metric == "chrF"] == ["en-ko"] * 2 + ["ko-en"] * 2
    assert result.settings["new tokens"] == 4
    assert "The most new tokens of an answer of base: 4 (en-ko), 4 (ko-en)." in result.notes
    assert {"lm_eval", "sacrebleu"} <= result.versions.keys()
    assert len(result.data) == 2


def test_results_of_models_asked_apart_compare_and_those_of_other_examples_do_not(
    files: tuple[Path, Path], models: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fake(decoder: Any, direction: Direction, **_: Any) -> Translations:
        return Translations(direction.pairs.target, {"chrf": 100.0, "bleu": 100.0}, ())

    monkeypatch.setattr(module, "translate", fake)
    own = (write_lines(tmp_path / "s", ["blue"]), write_lines(tmp_path / "t", ["파랑"]))
    longer = write_model(
        tmp_path / "longer", tiny_model(259), tiny_tokenizer(["집"], bos_token="<s>", eos_token="</s>")
    )
    request = TranslationRequest(files, LANGUAGES, few_shot=1, examples=own, direction="forth")
    apart = [evaluate_translation([model], request) for model in (models[0], longer)]
    assert [file.name for file in apart[0].data] == ["en.txt", "ko.txt", "s", "t"]
    assert len(combine(apart).groups) == 1
    write_lines(own[0], ["green"])
    assert len(combine([apart[0], evaluate_translation([longer], request)]).groups) == 2


def test_the_first_lines_are_examples_and_are_not_asked_for(files: tuple[Path, Path]) -> None:
    (forth,) = TranslationRequest(files, LANGUAGES, few_shot=2, direction="forth").directions()
    assert forth.examples.source == ("a house", "a book")
    assert forth.pairs.source == ("the book", "a red house", "red")


def test_examples_of_their_own_leave_all_lines_but_those_they_share(files: tuple[Path, Path], tmp_path: Path) -> None:
    own = (write_lines(tmp_path / "s", ["red", "blue"]), write_lines(tmp_path / "t", ["빨강", "파랑"]))
    request = TranslationRequest(files, LANGUAGES, few_shot=2, examples=own, direction="back")
    (back,) = request.directions()
    assert back.examples.target == ("red", "blue")
    assert back.pairs.target == tuple(ENGLISH[:4])
    assert request.left_out == 1


@pytest.mark.parametrize("few_shot", [0, 1])
def test_untranslated_pairs_are_neither_asked_for_nor_shown_and_are_counted(tmp_path: Path, few_shot: int) -> None:
    pairs = zip(["OK", *ENGLISH[:2], "", *ENGLISH[2:]], ["OK", *KOREAN[:2], "빈", *KOREAN[2:]], strict=True)
    path = write_lines(tmp_path / "pairs.tsv", [f"{source}\t{target}" for source, target in pairs])
    request = TranslationRequest((path,), LANGUAGES, few_shot=few_shot, limit=3, direction="forth")
    (forth,) = request.directions()
    assert forth.examples.source == tuple(ENGLISH[:few_shot])
    assert forth.pairs.source == tuple(ENGLISH[few_shot : few_shot + 3])
    assert request.untranslated == 2
    assert "2 pairs were left out because a side is blank or both are the same." in module._notes(request)


def test_untranslated_pairs_of_files_of_examples_are_not_shown(files: tuple[Path, Path], tmp_path: Path) -> None:
    own = (write_lines(tmp_path / "s", ["OK", "blue"]), write_lines(tmp_path / "t", ["OK", "파랑"]))
    request = TranslationRequest(files, LANGUAGES, few_shot=1, examples=own, direction="forth")
    assert request.directions()[0].examples.source == ("blue",)
    assert request.untranslated == 0


def test_a_file_with_tabs_holds_the_same_pairs(files: tuple[Path, Path], tmp_path: Path) -> None:
    rows = [f"{source}\t{target}" for source, target in zip(ENGLISH, KOREAN, strict=True)]
    assert read_pairs([write_lines(tmp_path / "pairs.tsv", rows)]) == read_pairs(files)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a\tb\nc\n", "line 2: 1 columns"),
        ("a\tb\tc\n", "line 1: 3 columns"),
        ("", "are empty"),
    ],
)
def test_a_file_with_tabs_that_is_wrong_is_said(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "pairs.tsv").write_text(content)
    with pytest.raises(InputError, match=said):
        read_pairs([tmp_path / "pairs.tsv"])


def test_files_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be read: No such file"):
        read_pairs([tmp_path / "missing"])
    (tmp_path / "latin").write_bytes(b"caf\xe9\n")
    with pytest.raises(InputError, match=r"latin is not text in UTF-8: line 1 "):
        read_pairs([tmp_path / "latin"])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"few_shot": -1}, "--few-shot is -1"),
        ({"limit": 0}, "--limit is 0"),
        ({"new_tokens": 0}, "--new-tokens is 0"),
        ({"batch_size": 0}, "--batch-size is 0"),
        ({"languages": ("ko", "ko")}, "--languages must name two"),
        ({"few_shot": 6}, "has 5 translated pairs, and 6 examples were asked for"),
        ({"few_shot": 5}, "has no pair left"),
    ],
)
def test_options_that_make_no_sense_are_named(files: tuple[Path, Path], changed: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        TranslationRequest(**{"files": files, "languages": LANGUAGES, **changed}).directions()


def test_a_model_that_cannot_translate_is_refused_by_name(files: tuple[Path, Path], tmp_path: Path) -> None:
    request = TranslationRequest(files, LANGUAGES)
    tokenizer = tiny_tokenizer(bos_token="<s>")
    endless = write_model(tmp_path / "endless", tiny_model(len(tokenizer)), tokenizer)
    with pytest.raises(InputError, match="endless has no EOS token"):
        evaluate_translation([endless], request)
    encoder = tiny_encoder()
    with pytest.raises(InputError, match="is an encoder"):
        evaluate_translation([write_model(tmp_path / "bert", encoder.model, encoder.tokenizer)], request)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--languages", "en"], "--languages takes two names"),
        (["--languages", "en,ko"], "--source and --target, or with --pairs"),
        (["--languages", "en,ko", "--source", "a"], "--source and --target, or with --pairs"),
    ],
)
def test_the_command_says_what_is_missing(models: list[Path], options: list[str], said: str) -> None:
    ran = CliRunner().invoke(main, ["evaluate", "translate", str(models[0]), *options])
    assert ran.exit_code == 2
    assert said in ran.output
