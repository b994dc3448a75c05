from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tests.checkpoint.models import PLAN, mean_row, random_alignment, save_two_shards
from vocabx.checkpoint import open_checkpoint
from vocabx.checkpoint.writing.job import job_name
from vocabx.checkpoint.writing.recoding import Decoder, Recoding
from vocabx.checkpoint.writing.storage import Storage
from vocabx.core.initialization import Initialization
from vocabx.core.plan import Plan
from vocabx.initializers.gaussian import GaussianDraw

ROOT = Path(__file__).parents[3]
USABLE = np.ones(97, np.bool_)
DRAW = GaussianDraw("univariate", PLAN.new, 0, 0, USABLE)

CODE = """
import sys
from pathlib import Path
from tests.checkpoint.models import PLAN, mean_row, random_alignment
from vocabx.checkpoint import open_checkpoint
from vocabx.checkpoint.writing.job import job_name
from vocabx.core.initialization import Initialization
rules = Initialization.shared(random_alignment())
print(job_name(open_checkpoint(Path(sys.argv[1])), PLAN, rules, mean_row(), {"b", "a"} & {"a"}))
"""

DECISIONS: dict[str, Callable[[], Any]] = {
    "the plan": lambda: PLAN,
    "another plan": lambda: Plan.appending(97, 10, 100, 120, {}),
    "roles": lambda: Plan.appending(97, 10, 100, 112, {"eos": 3}),
    "weights": lambda: Initialization.shared(random_alignment()),
    "other weights": lambda: Initialization.shared(random_alignment(seed=1)),
    "no head": lambda: replace(Initialization.shared(random_alignment()), head=mean_row()),
    "a draw": lambda: DRAW,
    "another seed": lambda: replace(DRAW, seed=1),
    "other usable rows": lambda: replace(DRAW, usable=~USABLE),
    "a new tensor": lambda: Recoding(decoders={"new": Decoder("old", np.zeros((3, 4), np.float32))}),
    "its number": lambda: Recoding(decoders={"new": Decoder("old", np.full((3, 4), 1e-30, np.float32))}),
    "its shape": lambda: Recoding(decoders={"new": Decoder("old", np.zeros((4, 3), np.float32))}),
    "its type": lambda: Recoding(decoders={"new": Decoder("old", np.zeros((3, 4), np.int32))}),
    "settings": lambda: Recoding(settings=MappingProxyType({"rank": 3})),
    "a small type": lambda: np.ones(3, ml_dtypes.bfloat16),
    "copied": Storage,
    "linked": lambda: Storage("hardlink"),
    "cast": lambda: Storage(dtype="float16"),
    "nothing": lambda: None,
}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return save_two_shards(tmp_path / "base")


def test_equal_decisions_have_equal_names_and_others_have_others(base: Path) -> None:
    checkpoint = open_checkpoint(base)
    names = {what: job_name(checkpoint, make()) for what, make in DECISIONS.items()}
    assert None not in names.values()
    assert len(set(names.values())) == len(DECISIONS)
    assert {what: job_name(open_checkpoint(base), make()) for what, make in DECISIONS.items()} == names


def test_the_name_does_not_rest_on_what_was_computed_meanwhile(base: Path) -> None:
    checkpoint, plan = open_checkpoint(base), Plan.appending(97, 10, 100, 112, {})
    before = job_name(checkpoint, plan)
    assert plan.new, plan.kept
    assert plan.runs
    assert job_name(checkpoint, plan) == before


def test_mapped_arrays_count_by_their_numbers(base: Path, tmp_path: Path) -> None:
    checkpoint, numbers = open_checkpoint(base), np.arange(12, dtype=np.float32).reshape(3, 4)
    np.save(tmp_path / "rows.npy", numbers)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    assert job_name(checkpoint, mapped) == job_name(checkpoint, numbers)
    assert job_name(checkpoint, numbers.T) != job_name(checkpoint, numbers)
    assert job_name(checkpoint, np.asfortranarray(numbers)) == job_name(checkpoint, numbers)


def test_another_process_gives_the_same_name(base: Path) -> None:
    command, seeds = [sys.executable, "-c", CODE, str(base)], ("0", "1")
    environments = [os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed} for seed in seeds]
    names = {subprocess.run(command, capture_output=True, env=env, check=True).stdout for env in environments}
    assert len(names) == 1
    assert len(names.pop()) == 65


@pytest.mark.parametrize("change", ["a byte and the time", "the time", "the inode", "the header", "the place"])
def test_another_base_gives_another_name(base: Path, tmp_path: Path, change: str) -> None:
    before, file = job_name(open_checkpoint(base), PLAN), base / "model-1.safetensors"
    status = file.stat()
    if change == "a byte and the time":
        file.write_bytes(file.read_bytes()[:-1] + b"\1")
    elif change == "the time":
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    elif change == "the inode":
        file.rename(tmp_path / "spare")
        file.write_bytes((tmp_path / "spare").read_bytes())
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif change == "the header":
        file.write_bytes(file.read_bytes().replace(b'"pt"', b'"PT"'))
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    else:
        base.rename(tmp_path / "elsewhere")
    assert job_name(open_checkpoint(tmp_path / "elsewhere" if change == "the place" else base), PLAN) != before


def test_what_has_no_bytes_cannot_be_gone_on_with(base: Path) -> None:
    assert job_name(open_checkpoint(base), lambda: None) is None
    assert job_name(open_checkpoint(base), PLAN, iter(())) is not None
    assert job_name(open_checkpoint(base), (number for number in range(3))) is None
