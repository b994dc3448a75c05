"""Ends that nobody planned: an interrupt, a kill, a full disk. The base stays, and nothing that loads is left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkpoint.models import checksums
from tests.cli.conftest import Place
from vocabx.checkpoint import open_checkpoint
from vocabx.core.errors import CheckpointError

ROOT = Path(__file__).parents[2]

PAUSING = """
import importlib, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background starts with it ignored
sys.modules["torch"] = None  # not needed here, and the slowest of all imports
where, *arguments = sys.argv[1:]
name, _, function = where.partition(":")
def pause(*arguments, **options):
    print("paused", flush=True)
    time.sleep(60)
setattr(importlib.import_module(name), function, pause)
from vocabx.cli import main
main.main(arguments, prog_name="vocabx")
"""

LIMITED = """
import resource, sys
sys.modules["torch"] = None
limit, *arguments = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
from vocabx.cli import main
main.main(arguments, prog_name="vocabx")
"""

STAGES = {
    "tokenizer": "vocabx.tokenizer_tools.extend.search:find_witnesses",
    # By then all weights are there; of a model that loads, only config.json is missing.
    "checkpoint": "vocabx.checkpoint.write:_write_generation_config",
    "reopening": "vocabx.output:check_reopened",
}


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def stop(place: Place, stage: str, number: signal.Signals) -> tuple[int, str]:
    """Send a signal in the middle of a stage; return the exit status and stderr."""
    process = start(PAUSING, STAGES[stage], *place.extend())
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "paused\n"
        process.send_signal(number)
        out, error = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert out == ""
    return process.returncode, error


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize("stage", ["tokenizer", "checkpoint"])
@pytest.mark.parametrize(
    ("number", "status", "sentence"),
    [
        (signal.SIGINT, 130, "Interrupted. Nothing was changed."),
        (signal.SIGTERM, 143, "Terminated. Nothing was changed."),
    ],
    ids=["SIGINT", "SIGTERM"],
)
def test_an_interrupted_extension_leaves_nothing(
    number: signal.Signals, status: int, sentence: str, stage: str, place: Place
) -> None:
    before, there = checksums(place.root), names(place.root)
    code, error = stop(place, stage, number)
    assert (code, error.strip().splitlines()[-1]) == (status, sentence)
    assert "Traceback" not in error
    assert stage in error.splitlines()
    assert (checksums(place.root), names(place.root)) == (before, there)


def test_a_killed_extension_leaves_one_hidden_directory_that_does_not_load(place: Place) -> None:
    before, there = checksums(place.root), names(place.root)
    code, _ = stop(place, "checkpoint", signal.SIGKILL)
    assert code == -signal.SIGKILL
    (left,) = set(names(place.root)) - set(there)
    assert re.fullmatch(r"\.out\.\w+\.incomplete", left)
    assert (place.root / left / "model.safetensors").is_file()
    with pytest.raises(CheckpointError, match=r"is no model directory: it has no config\.json"):
        open_checkpoint(place.root / left)
    after = checksums(place.root)
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize(
    "kilobytes",
    [
        pytest.param(4, id="the tokenizer does not fit"),
        pytest.param(90, id="the weights do not fit"),
    ],
)
def test_a_full_disk_is_one_sentence_and_leaves_nothing(kilobytes: int, place: Place) -> None:
    before, there = checksums(place.root), names(place.root)
    process = start(LIMITED, str(kilobytes * 1024), *place.extend())
    out, error = process.communicate(timeout=60)
    *progress, last = error.strip().splitlines()
    assert (process.returncode, out) == (1, "")
    assert re.fullmatch(r"Error: .*/out cannot be written\. A file would be larger than the system allows: .*", last)
    assert "Traceback" not in error
    assert "checkpoint" in progress
    assert (checksums(place.root), names(place.root)) == (before, there)
