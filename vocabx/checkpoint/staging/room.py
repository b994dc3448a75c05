"""Room: the hidden directory beside a target in which its output is prepared, by one run at a time."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from vocabx.core.errors import OutputError

__all__ = ["Room", "open_room", "remove", "room_path"]

ENDING = ".incomplete"
LONGEST_NAME = 255  # bytes, in every common file system
LOCK = "lock"
MOST_ATTEMPTS = 100
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EBADF)
"""What file systems without locks answer."""


@dataclass
class Room:
    """One run's room; it vanishes when the run ends, unless it is `kept` for the next one.

    `is_found` says whether the next run for the same target would find it.
    """

    path: Path
    is_found: bool = True
    kept: bool = False

    @property
    def output(self) -> Path:
        """What becomes the target."""
        return self.path / "output"

    @property
    def finished(self) -> Path:
        """Files that an earlier run finished."""
        return self.path / "finished"

    @property
    def previous(self) -> Path:
        """Where the target waits while it is replaced, if the system cannot exchange two names."""
        return self.path / "previous"

    @property
    def journal(self) -> Path:
        """What is known of the finished files."""
        return self.path / "journal"


@contextmanager
def open_room(target: Path) -> Iterator[Room]:
    """Enter the room of a target; raise `OutputError` where another run is in it.

    The system gives the lock back when the process ends, however it ends, so what a dead run has left is told from
    what a live one needs. Where there are no locks, or the room is somebody else's, a run has a room of its own.
    """
    path = room_path(target)
    handle = _lock(path, target)
    if handle is None:
        path = path.with_name(f"{path.name.removesuffix(ENDING)[: LONGEST_NAME // 4]}.{secrets.token_hex(4)}{ENDING}")
        path.mkdir(0o700)
    room = Room(path, is_found=handle is not None)
    try:
        yield room
    finally:
        if not room.kept:
            _empty(path)
        if handle is not None:
            os.close(handle)


def room_path(target: Path) -> Path:
    """Return the place of a target's room."""
    name = f".{target.name}{ENDING}"
    if len(os.fsencode(name)) > LONGEST_NAME:
        name = f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:32]}{ENDING}"
    return target.parent / name


def remove(path: Path) -> None:
    """Remove whatever has that name, if anything has."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _lock(path: Path, target: Path) -> int | None:
    for _ in range(MOST_ATTEMPTS):
        try:
            with suppress(FileExistsError):
                path.mkdir(0o700)
            status = path.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                return None
            handle = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:
            if path.parent.is_dir():
                continue  # a run that ends has just removed the room
            raise
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(handle, path / LOCK):
                return handle
        except BlockingIOError:
            os.close(handle)
            raise OutputError(
                f"Another run is writing {target} just now. Wait until it ends, or choose another place for the output."
            ) from None
        except OSError as error:
            os.close(handle)
            if error.errno not in NO_LOCKS:
                raise
            return None
        os.close(handle)
    raise FileNotFoundError(errno.ENOENT, "The place takes no directory", str(path))  # such as /proc


def _is_at(handle: int, path: Path) -> bool:
    """Whether an open file still has its name: the run before may have removed it between opening and locking."""
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


def _empty(path: Path) -> None:
    """Remove a room, the lock last: whoever gets it finds nothing that is still being removed."""
    for entry in path.iterdir():
        if entry.name != LOCK:
            remove(entry)
    (path / LOCK).unlink(missing_ok=True)
    with suppress(OSError):  # the next run may be in it already
        path.rmdir()
