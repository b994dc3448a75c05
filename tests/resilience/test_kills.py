"""A few of the kills of `python -m tests.resilience.kills`, in a process of its own, as it forks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MEMORY = Path("/dev/shm")


def kills(*options: object) -> str:
    command = [sys.executable, "-m", "tests.resilience.kills", *map(str, options)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_kills_at_moments_that_are_drawn_leave_nothing_wrong(tmp_path: Path) -> None:
    assert re.search(r"^ +4 kills$", kills("--kills", 4, "--place", tmp_path), re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["the disk", "memory"])
def test_two_hundred_kills_leave_nothing_wrong(place: str, tmp_path: Path) -> None:
    if place == "memory" and not os.access(MEMORY, os.W_OK):
        pytest.skip("there is no file system in memory")
    counted = kills("--kills", 200, "--seed", 7, "--place", MEMORY if place == "memory" else tmp_path)
    assert re.search(r"^ +200 kills$", counted, re.MULTILINE)
    assert int(re.findall(r"(\d+) runs that took files over", counted)[0]) > 20


@pytest.mark.slow
def test_a_kill_before_any_step_leaves_nothing_wrong(tmp_path: Path) -> None:
    steps = [int(count) for count in re.findall(r"(\d+) steps", kills("--steps", "--place", tmp_path))]
    assert len(steps) == 9
    assert min(steps) > 50
