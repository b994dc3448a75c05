"""What is copied before the plan is known is what would be copied afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.checkpoint.models import (
    HEAD,
    INPUT,
    PLAN,
    ROWS,
    Arrays,
    checksums,
    llama_tensors,
    load_model,
    mean_row,
    random_alignment,
    save_model,
    save_two_shards,
)
from vocabx.checkpoint import bytes_to_write, open_checkpoint, write_checkpoint
from vocabx.checkpoint.safetensors_file import SafetensorsFile
from vocabx.checkpoint.staging.atomic import open_staging
from vocabx.checkpoint.writing import ahead as ahead_module
from vocabx.checkpoint.writing.ahead import Ahead
from vocabx.checkpoint.writing.storage import Storage
from vocabx.core.errors import InputError
from vocabx.core.initialization import Initialization
from vocabx.core.plan import NEW, Plan

WHOLE = "model-1.safetensors"


def save_one_file(directory: Path) -> Path:
    return save_model(directory, llama_tensors())


def save_with_scalars(directory: Path) -> Path:
    """Tensors of an odd number of bytes, before the embedding and behind it."""
    odd: Arrays = {"a.scale": np.ones(3, np.uint8), "z.scale": np.ones(5, np.uint8), "a.step": np.array(7, np.int16)}
    return save_model(directory, llama_tensors() | odd)


def write(
    base: Path, target: Path, storage: Storage, is_ahead: bool, keeps_rows: bool = False, plan: Plan = PLAN
) -> int:
    """Write the resized model and return the bytes that were reported."""
    checkpoint, counts = open_checkpoint(base), list[int]()
    rules = Initialization.shared(random_alignment(rows=plan.new))
    with (
        open_staging(target) as staging,
        Ahead(staging.directory, staging.journal, keeps_rows=keeps_rows) as ahead,
    ):
        if is_ahead:
            ahead.start(checkpoint, storage)
        write_checkpoint(
            checkpoint,
            plan,
            rules,
            staging.directory,
            padding=mean_row(),
            storage=storage,
            progress=counts.append,
            journal=staging.journal,
            ahead=ahead,
        )
    return sum(counts)


PLANS = {"appending": PLAN, "shrinking": Plan(np.array([5, 3, 90, NEW, 7]), 97, ROWS, 8, {})}


@pytest.mark.parametrize("keeps_rows", [False, True])
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("storage", [Storage(), Storage("hardlink"), Storage(dtype="bfloat16")])
@pytest.mark.parametrize("save", [save_two_shards, save_one_file, save_with_scalars])
def test_the_output_is_the_same_and_so_is_what_is_reported(
    tmp_path: Path, save: Callable[[Path], Path], storage: Storage, plan: Plan, keeps_rows: bool
) -> None:
    base = save(tmp_path / "base")
    reported = {
        name: write(base, tmp_path / name, storage, name == "ahead", keeps_rows, plan) for name in ("ahead", "after")
    }
    assert checksums(tmp_path / "ahead") == checksums(tmp_path / "after")
    assert set(reported.values()) == {bytes_to_write(open_checkpoint(base), plan, storage=storage)}


@pytest.mark.parametrize("save", [save_one_file, save_with_scalars])
def test_old_rows_stay_and_every_tensor_is_aligned(tmp_path: Path, save: Callable[[Path], Path]) -> None:
    base = save(tmp_path / "base")
    write(base, tmp_path / "out", Storage(), is_ahead=True, keeps_rows=True)
    before, after = load_model(base), load_model(tmp_path / "out")
    assert before.keys() == after.keys()
    for name, array in before.items():
        kept = after[name][: PLAN.kept] if name in (INPUT, HEAD) else after[name]
        assert kept.tobytes() == (array[: PLAN.kept] if name in (INPUT, HEAD) else array).tobytes(), name
    for name, tensor in open_checkpoint(tmp_path / "out").tensors.items():
        assert tensor.entry.begin % after[name].itemsize == 0, name


def test_files_without_rows_are_there_before_the_plan_is_known(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(save_two_shards(tmp_path / "base"))
    with open_staging(tmp_path / "out") as staging, Ahead(staging.directory, staging.journal) as ahead:
        ahead.start(checkpoint, Storage())
        steps = ahead.steps(WHOLE)
        assert steps is not None
        assert sum(steps) == sum(entry.size for entry in checkpoint.files[WHOLE].entries.values())
        assert (staging.directory / WHOLE).read_bytes() == (tmp_path / "base" / WHOLE).read_bytes()
        assert ahead.steps("model-3.safetensors") is None


def test_a_plan_that_fails_leaves_nothing_and_waits_for_no_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, steps = threading.Event(), list[int]()

    def copy_slowly(file: SafetensorsFile, target: Path, shards: str) -> Iterator[int]:
        for _ in range(1000):
            begun.set()
            steps.append(1)
            yield 1
            threading.Event().wait(0.01)

    monkeypatch.setattr(ahead_module, "carry_whole", copy_slowly)
    checkpoint = open_checkpoint(save_two_shards(tmp_path / "base"))

    def plan_badly() -> None:
        with open_staging(tmp_path / "out") as staging, Ahead(staging.directory, staging.journal) as ahead:
            ahead.start(checkpoint, Storage())
            assert begun.wait(5)
            raise InputError("no such method")

    with pytest.raises(InputError, match="no such method"):
        plan_badly()
    assert len(steps) < 1000
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


def test_a_copy_that_fails_is_an_error_of_the_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(file: SafetensorsFile, target: Path, shards: str) -> Iterator[int]:
        yield 1
        raise InputError("no space")

    monkeypatch.setattr(ahead_module, "carry_whole", fail)
    base = save_two_shards(tmp_path / "base")
    with pytest.raises(InputError, match="no space"):
        write(base, tmp_path / "out", Storage(), is_ahead=True)
    assert not (tmp_path / "out").exists()
