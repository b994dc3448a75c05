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
from tests.cli.conftest import Place, Run
from vocabx.checkpoint import open_checkpoint
from vocabx.core.errors import CheckpointError

ROOT = Path(__file__).parents[2]
ROOM = ".out.incomplete"

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
    "checkpoint": "vocabx.checkpoint.writing.write:_write_generation_config",
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


SIGNALS = pytest.mark.parametrize(
    ("number", "status", "sentence"),
    [
        (signal.SIGINT, 130, "Interrupted. Nothing was changed."),
        (signal.SIGTERM, 143, "Terminated. Nothing was changed."),
    ],
    ids=["SIGINT", "SIGTERM"],
)


@SIGNALS
def test_an_extension_that_is_interrupted_before_it_writes_leaves_nothing(
    number: signal.Signals, status: int, sentence: str, place: Place
) -> None:
    before, there = checksums(place.root), names(place.root)
    code, error = stop(place, "tokenizer", number)
    assert (code, error.strip().splitlines()[-1]) == (status, sentence)
    assert "Traceback" not in error
    assert "tokenizer" in error.splitlines()
    assert (checksums(place.root), names(place.root)) == (before, there)


@SIGNALS
def test_an_extension_that_is_interrupted_while_it_writes_is_gone_on_with_by_the_same_command(
    number: signal.Signals, status: int, sentence: str, place: Place, run: Run
) -> None:
    before, there = checksums(place.root), names(place.root)
    code, error = stop(place, "checkpoint", number)
    kept = f"Finished weight files (1, of 0 MB) are kept in {place.root / ROOM}"
    how = "run the same command again to go on, or remove that directory."
    assert (code, error.strip().splitlines()[-1]) == (status, f"{sentence} {kept}: {how}")
    assert "Traceback" not in error
    assert names(place.root) == sorted([*there, ROOM])
    ran = run(*place.extend())
    assert ran.status == 0
    assert "going on; weight files that an earlier run finished: 1" in ran.err.splitlines()
    assert run(*place.extend(out=place.root / "undisturbed")).status == 0
    assert checksums(place.out) == checksums(place.root / "undisturbed")
    assert names(place.root) == sorted([*there, "out", "undisturbed"])
    assert {name: checksums(place.root)[name] for name in before} == before


def test_a_killed_extension_leaves_one_hidden_directory_that_does_not_load(place: Place, run: Run) -> None:
    before, there = checksums(place.root), names(place.root)
    code, _ = stop(place, "checkpoint", signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert set(names(place.root)) - set(there) == {ROOM}
    assert (place.root / ROOM / "output" / "model.safetensors").is_file()
    with pytest.raises(CheckpointError, match=r"is no model directory: it has no config\.json"):
        open_checkpoint(place.root / ROOM / "output")
    after = checksums(place.root)
    assert {name: after[name] for name in before} == before
    assert run(*place.extend(size=39)).status == 0
    assert run(*place.extend(size=39, out=place.root / "undisturbed")).status == 0
    assert checksums(place.out) == checksums(place.root / "undisturbed")
    assert names(place.root) == sorted([*there, "out", "undisturbed"])


def test_of_two_extensions_into_one_place_the_second_is_refused(place: Place, run: Run) -> None:
    process = start(PAUSING, STAGES["tokenizer"], *place.extend())
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "paused\n"
        ran = run(*place.extend())
    finally:
        process.kill()
        process.communicate()
    assert ran.status == 1
    last = ran.err.strip().splitlines()[-1]
    assert re.fullmatch(r"Error: Another run is writing .*/out just now\. Wait until it ends, or choose .*", last)


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
