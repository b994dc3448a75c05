"""A run that goes on where another was cut off writes the same bytes as one that nobody disturbed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.checkpoint.models import (
    PLAN,
    checksums,
    llama_tensors,
    mean_row,
    random_alignment,
    save_sharded,
    save_two_shards,
)
from tests.checkpoint.stopped import die, killed
from vocabx.checkpoint import bytes_to_write, open_checkpoint, write_checkpoint
from vocabx.checkpoint.staging.atomic import open_staging
from vocabx.checkpoint.staging.journal import Journal
from vocabx.checkpoint.writing.background import Background
from vocabx.checkpoint.writing.storage import Storage
from vocabx.core.initialization import Initialization
from vocabx.initializers.gaussian import GaussianDraw

USABLE = np.ones(PLAN.tokens_before, np.bool_)
RULES = {
    "weights": Initialization.shared(random_alignment()),
    "draws": Initialization(*(GaussianDraw("univariate", PLAN.new, 3, stream, USABLE) for stream in range(3))),
}
Progress = Callable[[int], None]


def write(base: Path, target: Path, rules: str = "weights", storage: Storage | None = None, **options: Any) -> None:
    with open_staging(target) as staging:
        write_checkpoint(
            open_checkpoint(base),
            PLAN,
            RULES[rules],
            staging.directory,
            padding=mean_row(),
            storage=storage or Storage(),
            journal=staging.journal,
            **options,
        )


def save_six_shards(directory: Path) -> Path:
    tensors = llama_tensors()
    shards = {f"{number}.safetensors": {name: tensors[name]} for number, name in enumerate(tensors)}
    shards |= {f"layer{n}.safetensors": {f"model.layers.{n}.weight": np.full((8, 8), n, np.float32)} for n in (1, 2)}
    return save_sharded(directory, shards)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return save_six_shards(tmp_path / "base")


def die_after_finishing(count: int) -> Callable[[Journal, Path], None]:
    finish, left = Journal.finish, [count]

    def finish_and_die(self: Journal, path: Path) -> None:
        if not left[0]:
            die()
        left[0] -= 1
        finish(self, path)

    return finish_and_die


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("storage", [Storage(), Storage("hardlink"), Storage(dtype="bfloat16")], ids=repr)
@pytest.mark.parametrize("count", range(6))
def test_a_run_that_was_killed_after_any_file_is_gone_on_with(
    base: Path, tmp_path: Path, count: int, storage: Storage, rules: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(base, tmp_path / "undisturbed", rules, storage)
    inputs, target = checksums(base), tmp_path / "place" / "target"

    def run() -> None:
        monkeypatch.setattr(Journal, "finish", die_after_finishing(count))
        write(base, target, rules, storage)

    assert killed(run)
    assert not target.exists()
    written: list[str] = []
    finish = Journal.finish

    def note(self: Journal, path: Path) -> None:
        written.append(path.name)
        finish(self, path)

    monkeypatch.setattr(Journal, "finish", note)
    done: list[int] = []
    write(base, target, rules, storage, progress=done.append)
    assert len(written) == 6 - count
    assert checksums(target) == checksums(tmp_path / "undisturbed")
    assert sum(done) == bytes_to_write(open_checkpoint(base), PLAN, storage=storage)
    assert checksums(base) == inputs
    assert os.listdir(target.parent) == ["target"]


def test_another_command_writes_all_files_again(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> None:
        monkeypatch.setattr(Journal, "finish", die_after_finishing(5))
        write(base, tmp_path / "target")

    assert killed(run)
    write(base, tmp_path / "target", "draws")
    write(base, tmp_path / "undisturbed", "draws")
    assert checksums(tmp_path / "target") == checksums(tmp_path / "undisturbed")


def test_a_base_that_changed_is_read_again(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> None:
        monkeypatch.setattr(Journal, "finish", die_after_finishing(5))
        write(base, tmp_path / "target")

    assert killed(run)
    for file in base.glob("layer*.safetensors"):
        file.write_bytes(file.read_bytes()[:-4] + bytes(4))
    write(base, tmp_path / "target")
    write(base, tmp_path / "undisturbed")
    assert checksums(tmp_path / "target") == checksums(tmp_path / "undisturbed")


def test_a_file_whose_rows_could_not_be_written_is_not_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of a file is written beside the main thread, which may be stopped before it hears that this failed."""
    base, noted = save_two_shards(tmp_path / "base"), list[str]()

    def note(self: Journal, path: Path) -> None:
        noted.append(path.name)

    monkeypatch.setattr(Journal, "finish", note)

    def fail(resize: object, target: Path, begin: int) -> Any:
        yield 0
        raise OSError(28, os.strerror(28), str(target))

    monkeypatch.setattr("vocabx.checkpoint.writing.weight_file._write_other_rows", fail)
    with pytest.raises(Exception, match="The disk is full"):
        write(base, tmp_path / "target")
    assert "model-2.safetensors" not in noted
    assert sorted(os.listdir(tmp_path)) == ["base"]


def test_after_a_task_that_failed_no_other_is_begun() -> None:
    begun = threading.Event()

    def fail() -> Any:
        yield 1
        raise ValueError("no")

    def follow() -> Any:
        yield 0
        begun.set()

    def run() -> None:
        with Background(lambda count: None) as background:
            background.run(fail())
            background.run(follow())

    with pytest.raises(ValueError, match="no"):
        run()
    assert not begun.is_set()


def test_without_a_journal_nothing_is_noted(base: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_checkpoint(open_checkpoint(base), PLAN, RULES["weights"], tmp_path / "out", padding=mean_row())
    assert set(os.listdir(tmp_path / "out")) >= {"config.json", "0.safetensors"}
