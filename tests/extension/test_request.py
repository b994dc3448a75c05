from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from vocabx.core.errors import CheckpointError, CorpusError, InputError
from vocabx.request import Request, Settings
from vocabx.tokenizer_tools.extend import ExtensionOptions


def test_the_keywords_of_the_functions_are_the_settings_of_the_request() -> None:
    fields = {field.name for field in dataclasses.fields(Request)}
    assert get_type_hints(Settings).keys() == fields - {"corpus", "size"}


def test_the_options_of_the_tokenizer_are_passed_on_with_their_defaults() -> None:
    assert Request("corpus", 7).options == ExtensionOptions(size=7)
    names = [field.name for field in dataclasses.fields(ExtensionOptions)]
    given: dict[str, Any] = dict(zip(names, (9, 2, 3, ("Hangul",), 0.5, False), strict=True))
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
    with pytest.raises(InputError, match=pattern):
        Request(**({"corpus": "corpus", "size": 1} | settings))


def test_a_model_directory_is_taken_as_it_is(tmp_path: Path) -> None:
    from vocabx.checkpoint.resolve import resolve_model

    assert resolve_model(tmp_path) == tmp_path
    assert resolve_model(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("weights", [True, False])
def test_a_hub_id_is_downloaded_without_pickles_and_without_weights_where_none_are_needed(
    weights: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vocabx.checkpoint.resolve import resolve_model

    asked: dict[str, Any] = {}

    def snapshot_download(name: str, *, allow_patterns: list[str]) -> str:
        asked.update(name=name, patterns=allow_patterns)
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    assert resolve_model("someone/model-1.5", weights=weights) == tmp_path
    assert asked["name"] == "someone/model-1.5"
    assert ("*.safetensors" in asked["patterns"]) == weights
    assert not [pattern for pattern in asked["patterns"] if pattern in ("*", "*.bin", "*.py")]


@pytest.mark.parametrize("error", [OSError("no network\nat all"), ValueError("bad name")])
def test_a_hub_id_that_cannot_be_downloaded_is_one_sentence(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    from vocabx.checkpoint.resolve import resolve_model

    def snapshot_download(name: str, **options: Any) -> str:
        raise error

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    with pytest.raises(CheckpointError, match=r"the hub did not give it: (no network|bad name) Check") as caught:
        resolve_model("someone/model")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["nowhere", "./nowhere/model", "/nowhere/model", "a/b/c", "-x/y"])
def test_what_is_no_directory_and_no_hub_id_is_not_looked_up(name: str) -> None:
    from vocabx.checkpoint.resolve import resolve_model

    with pytest.raises(CheckpointError, match="is neither a model directory nor a hub id"):
        resolve_model(name)


def test_a_path_is_never_taken_for_a_hub_id() -> None:
    from vocabx.checkpoint.resolve import resolve_model

    with pytest.raises(CheckpointError, match="someone/model is neither a model directory nor a hub id"):
        resolve_model(Path("someone/model"))
