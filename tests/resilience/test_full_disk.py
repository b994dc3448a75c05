"""Disks that are too small, or not to be written: a sentence, nothing left, and the base as it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.checkpoint.models import checksums
from tests.resilience.scene import Scene

ROOT = Path(__file__).parents[2]

RUNS = """
import json, sys
from tests.resilience.processes import run, warm_up
warm_up()
for line in sys.stdin:
    ended = run(json.loads(line))
    print(json.dumps([ended.status, ended.said]), flush=True)
"""

Run = Callable[[list[str]], tuple[int, str]]


@contextmanager
def mounted(place: Path, options: str) -> Iterator[Path]:
    """Mount a file system in memory, which only root may."""
    place.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if sys.platform != "linux" or os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a file system cannot be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene.make(tmp_path_factory.mktemp("full") / "scene")


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Return a function that runs a command in a fork of a process that has imported everything."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", RUNS]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        sink, source = process.stdin, process.stdout
        assert sink is not None
        assert source is not None

        def ask(arguments: list[str]) -> tuple[int, str]:
            sink.write(json.dumps(arguments) + "\n")
            sink.flush()
            status, said = json.loads(source.readline())
            return status, said

        yield ask
        sink.close()


def last(said: str) -> str:
    return said.strip().splitlines()[-1]


@pytest.mark.parametrize("force", [False, True])
def test_a_disk_that_is_full_at_any_size_is_one_sentence_and_leaves_nothing(
    scene: Scene, run: Run, tmp_path: Path, force: bool
) -> None:
    _ = scene.inputs
    kilobytes = [16, 64, 128, 300, 700, 1100, 1800, 2500, 3500, 4500, 5500, 6200]
    with mounted(tmp_path / "disk", "size=16m") as disk:
        out = disk / "place" / "out"
        if force:
            out.mkdir(parents=True)
            (out / "vocabx.json").write_text("an earlier output")
        before = {path: path.lstat().st_ino for path in disk.rglob("*")}
        sums = checksums(disk)
        command = scene.arguments(*(["--force"] if force else []), out=out)
        for size in kilobytes:
            resized = f"remount,size={size + 8}k"
            subprocess.run(["mount", "-o", resized, str(disk)], check=True)
            status, said = run(command)
            assert status == 1, (size, said)
            assert (
                last(said)
                == f"Error: {out} cannot be written. The disk is full: free some space or choose another disk."
            )
            assert "Traceback" not in said
            assert {path: path.lstat().st_ino for path in disk.rglob("*")} == before, size
            assert checksums(disk) == sums
        subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
        assert run(command)[0] == 0
    assert scene.states({}) == {"absent"}


def test_a_place_that_cannot_be_written_is_one_sentence(scene: Scene, run: Run, tmp_path: Path) -> None:
    _ = scene.inputs
    with mounted(tmp_path / "disk", "size=16m,ro") as disk:
        outs = [disk / "out", disk / "new" / "deep" / "out", disk]
        commands = [scene.arguments(out=out) for out in outs[:2]] + [scene.arguments("--force", out=disk)]
        for out, command in zip(outs, commands, strict=True):
            status, said = run(command)
            assert status == 1, said
            assert "Traceback" not in said
            sentence = "A disk is mounted there" if out == disk else "The disk is mounted read-only"
            assert last(said).startswith(f"Error: {out} cannot be written. {sentence}"), said
        assert os.listdir(disk) == []
    assert os.listdir(tmp_path) == ["disk"]
    assert scene.states({}) == {"absent"}
