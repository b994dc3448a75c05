from __future__ import annotations

import errno
import os
import sys
import threading
from pathlib import Path

import pytest

from tests.checkpoint.stopped import die, killed
from vocabx.checkpoint.staging.room import open_room, room_path
from vocabx.core.errors import OutputError


def test_a_room_is_hidden_beside_its_target_and_vanishes(tmp_path: Path) -> None:
    with open_room(tmp_path / "target") as room:
        assert room.path == tmp_path / ".target.incomplete"
        room.output.mkdir()
    assert os.listdir(tmp_path) == []


def test_a_kept_room_stays(tmp_path: Path) -> None:
    with open_room(tmp_path / "target") as room:
        room.journal.write_text("kept")
        room.kept = True
    with open_room(tmp_path / "target") as room:
        assert room.journal.read_text() == "kept"
    assert os.listdir(tmp_path) == []


def test_a_live_run_is_told_from_a_dead_one(tmp_path: Path) -> None:
    def run() -> None:
        with open_room(tmp_path / "target") as room:
            room.journal.touch()
            die()

    assert killed(run)
    with (
        open_room(tmp_path / "target") as room,
        pytest.raises(OutputError, match=r"Another run is writing .*target just now\. Wait until it ends, or"),
        open_room(tmp_path / "target"),
    ):
        pytest.fail("two runs are in one room")
    assert not room.path.exists()


def test_runs_take_turns_whatever_their_order(tmp_path: Path) -> None:
    inside, most, entered = 0, 0, 0
    guard = threading.Lock()

    def work() -> None:
        nonlocal inside, most, entered
        for _ in range(200):
            try:
                with open_room(tmp_path / "target") as room:
                    with guard:
                        inside, entered = inside + 1, entered + 1
                        most = max(most, inside)
                    room.output.mkdir()  # fails where a run before still removes its own, or was not done with it
                    (room.output / "file").touch()
                    with guard:
                        inside -= 1
            except OutputError:
                continue

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most) == (0, 1)
    assert entered > 10
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_without_locks_each_run_has_a_room_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(handle: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    with open_room(tmp_path / "target") as one, open_room(tmp_path / "target") as other:
        assert one.path != other.path
        assert not one.is_found
        assert not other.is_found


@pytest.mark.parametrize("kind", ["link", "somebody else's"])
def test_a_room_that_somebody_else_prepared_is_not_entered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if kind == "link":
        room_path(tmp_path / "target").symlink_to(elsewhere)
    else:
        room_path(tmp_path / "target").mkdir()
        monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    with open_room(tmp_path / "target") as room:
        assert room.path != room_path(tmp_path / "target")
        assert not room.is_found
    assert os.listdir(elsewhere) == []
    assert os.path.lexists(room_path(tmp_path / "target"))


def test_other_errors_of_a_lock_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(handle: int, operation: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("fcntl.flock", fail)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)), open_room(tmp_path / "target"):
        pytest.fail("it was entered")


@pytest.mark.parametrize("name", ["\ub300" * 85, "x" * 255, "short"])
def test_the_longest_names_have_rooms(tmp_path: Path, name: str) -> None:
    with open_room(tmp_path / name) as room:
        assert room.path.name.startswith(".")
        assert room.path.name.endswith(".incomplete")
    other = name[:-1] + "y"
    assert room_path(tmp_path / name) != room_path(tmp_path / other)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_place_that_takes_no_directory_is_an_error_and_no_endless_wait() -> None:
    with pytest.raises(FileNotFoundError), open_room(Path("/proc/out")):
        pass
