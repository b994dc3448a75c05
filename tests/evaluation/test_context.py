from __future__ import annotations

import hashlib
import subprocess
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from vocabx.core.errors import InputError
from vocabx.evaluation import context
from vocabx.evaluation.context import describe_device, describe_file, describe_model, installed, name_models, own_commit
from vocabx.evaluation.result import DataFile


@pytest.fixture
def model(tmp_path: Path) -> Path:
    place = tmp_path / "model"
    place.mkdir()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "README.md", "vocabx.json"):
        (place / name).write_text("{}")
    save_file({"rows": np.zeros((4, 2), np.float32)}, place / "model.safetensors")
    return place


def checksum(model: Path) -> str:
    return describe_model("name", model).checksum


@pytest.mark.parametrize(
    "name", ["config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "merges.txt", "vocab.txt"]
)
def test_the_checksum_changes_with_a_file_that_decides_answers(name: str, model: Path) -> None:
    before = checksum(model)
    (model / name).write_text('{"a": 1}')
    assert checksum(model) != before


def test_the_checksum_changes_when_one_number_of_the_weights_does(model: Path) -> None:
    before = checksum(model)
    rows = np.zeros((4, 2), np.float32)
    rows[3, 1] = 1e-30  # the header and the size of the file stay
    save_file({"rows": rows}, model / "model.safetensors")
    assert checksum(model) != before


def test_the_checksum_stays_when_a_card_is_written_or_the_model_moves(model: Path) -> None:
    before = checksum(model)
    for name in ("README.md", "vocabx.json"):
        (model / name).write_text("other")
    assert checksum(model.rename(model.with_name("moved"))) == before


def test_bytes_that_move_from_one_file_to_another_change_the_checksum(model: Path) -> None:
    (model / "config.json").write_text("ab")
    (model / "tokenizer.json").write_text("c")
    before = checksum(model)
    (model / "config.json").write_text("a")
    (model / "tokenizer.json").write_text("bc")
    assert checksum(model) != before


def test_a_file_of_the_cache_of_the_hub_counts_as_its_bytes(model: Path, tmp_path: Path) -> None:
    before, weights = checksum(model), model / "model.safetensors"
    blob = tmp_path / hashlib.sha256(weights.read_bytes()).hexdigest()
    weights.rename(blob)
    weights.symlink_to(blob)
    assert checksum(model) == before


def test_a_snapshot_of_the_hub_has_its_commit(model: Path, tmp_path: Path) -> None:
    assert describe_model("a", model).revision is None
    snapshot = tmp_path / "models--lab--model" / "snapshots" / "0123abc"
    snapshot.parent.mkdir(parents=True)
    described = describe_model("a", model.rename(snapshot), 1.5)
    assert (described.name, described.revision, described.seconds) == ("a", "0123abc", 1.5)


def test_a_file_is_described_by_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # SHA-256's own first example
    assert describe_file(tmp_path / "text.txt") == DataFile("text.txt", 3, known)
    with pytest.raises(InputError, match=r"other.txt cannot be read: No such file"):
        describe_file(tmp_path / "other.txt")


def test_models_are_named_by_the_end_of_their_place_unless_two_end_alike(tmp_path: Path) -> None:
    for place in ("a/model", "b/model", "c/other"):
        (tmp_path / place).mkdir(parents=True)
    a, b, c = (str(tmp_path / place) for place in ("a/model", "b/model", "c/other"))
    assert name_models([a, c, "lab/distant"]) == ["model", "other", "lab/distant"]
    assert name_models([a, b]) == ["a/model", "b/model"]
    with pytest.raises(InputError, match=r"c/other is named twice; name each model once"):
        name_models([c, a, c])


def test_versions_are_those_of_installed_packages() -> None:
    found = installed(["pytest", "a-package-that-is-not-there"])
    assert found["pytest"] == version("pytest")
    assert list(found)[:2] == ["vocabx", "numpy"]
    assert "a-package-that-is-not-there" not in found


def test_the_commit_is_that_of_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "vocabx" / "evaluation" / "context.py"
    monkeypatch.setattr(context, "__file__", str(place))
    assert own_commit() is None
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    assert own_commit() is None
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
    assert own_commit() == head.strip()
    monkeypatch.setenv("PATH", "")
    assert own_commit() is None


@pytest.mark.torch
def test_the_device_is_the_one_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda place: f"a GPU, {place}")
    assert describe_device(None) == "a GPU, cuda"
    assert describe_device("cuda:1") == "a GPU, cuda:1"
    for count, spelled in ((1, "CPU, 1 thread"), (2, "CPU, 2 threads")):
        monkeypatch.setattr(torch, "get_num_threads", lambda count=count: count)
        assert describe_device("cpu") == spelled
