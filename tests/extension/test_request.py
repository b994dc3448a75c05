from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from vocabx.core.errors import CorpusError, InputError
from vocabx.request import Request, Settings
from vocabx.tokenizer_tools.extend.options import ExtensionOptions


def test_the_keywords_of_the_functions_are_the_settings_of_the_request() -> None:
    fields = {field.name for field in dataclasses.fields(Request)}
    assert get_type_hints(Settings).keys() == fields - {"corpus", "size"}


def test_the_options_of_the_tokenizer_are_passed_on_with_their_defaults() -> None:
    assert Request("corpus", 7).options == ExtensionOptions(size=7)
    names = [field.name for field in dataclasses.fields(ExtensionOptions)]
    values = (9, 2, 3, ("Hangul",), 0.5, False, "x", False, False, True, ("<x>",))
    given: dict[str, Any] = dict(zip(names, values, strict=True))
    assert Request("corpus", **given).options == ExtensionOptions(**given)


@pytest.mark.parametrize("as_list", [False, True])
def test_a_text_is_one_path_or_several(as_list: bool, tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_text("one\n")
    assert Request([path] if as_list else path, 1).open_corpus().files == (path,)
    assert Request([str(path)] if as_list else str(path), 1).open_corpus().files == (path,)


def test_no_text_is_refused() -> None:
    with pytest.raises(CorpusError, match="No corpus was given"):
        Request([], 1).open_corpus()


def test_the_source_sample_is_english_unless_another_is_given(tmp_path: Path) -> None:
    lines = list(Request("corpus", 1).source_lines())
    assert len(lines) > 1000
    assert all(line.strip() for line in lines)
    assert sum(line.isascii() for line in lines) > 0.9 * len(lines)
    (tmp_path / "sample.txt").write_text("ein\n\nzwei\n")
    assert list(Request("corpus", 1, source_sample=tmp_path / "sample.txt").source_lines()) == ["ein", "zwei"]


def test_a_source_sample_that_is_missing_is_an_error_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="There is no corpus file"):
        Request("corpus", 1, source_sample=tmp_path / "sample.txt").source_lines()


@pytest.mark.parametrize(
    ("settings", "pattern"),
    [
        ({"size": 0}, "at least 1, got 0"),
        ({"seed": -1}, "The seed must not be negative, got -1"),
        ({"pad_to_multiple": 0}, "a multiple of at least 1, got 0"),
        ({"method": "focs"}, "There is no method called 'focs'"),
        ({"scripts": ("Latn",)}, r"There is no script called 'Latn'\. Did you mean 'Latin'"),
        ({"source_change_limit": -0.1}, "a share from 0 to 1, got -0.1"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_when_the_request_is_made(settings: dict[str, Any], pattern: str) -> None:
    given: dict[str, Any] = {"corpus": "corpus", "size": 1} | settings
    with pytest.raises(InputError, match=pattern):
        Request(**given)
