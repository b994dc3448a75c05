from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vocabx.checkpoint.resolve import resolve_model
from vocabx.core.errors import CheckpointError


def test_a_model_directory_is_taken_as_it_is(tmp_path: Path) -> None:
    assert resolve_model(tmp_path) == tmp_path
    assert resolve_model(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("weights", [True, False])
def test_a_hub_id_is_downloaded_without_pickles_and_without_weights_where_none_are_needed(
    weights: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    def snapshot_download(name: str, **options: Any) -> str:
        raise error

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    with pytest.raises(CheckpointError, match=r"the hub did not give it: (no network|bad name)\. Check") as caught:
        resolve_model("someone/model")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["nowhere", "./nowhere/model", "/nowhere/model", "a/b/c", "-x/y"])
def test_what_is_no_directory_and_no_hub_id_is_not_looked_up(name: str) -> None:
    with pytest.raises(CheckpointError, match="is neither a model directory nor a hub id"):
        resolve_model(name)


def test_a_path_is_never_taken_for_a_hub_id() -> None:
    with pytest.raises(CheckpointError, match="someone/model is neither a model directory nor a hub id"):
        resolve_model(Path("someone/model"))
