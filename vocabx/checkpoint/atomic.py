"""Make a directory appear at once and whole, or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from vocabx.core.errors import OutputError

__all__ = ["staged_directory", "synchronize"]

ADVICE = {
    errno.ENOSPC: "The disk is full: free some space or choose another disk.",
    errno.EDQUOT: "Your disk quota is used up: free some space or choose another disk.",
    errno.EFBIG: "A file would be larger than the system allows: raise the limit (ulimit -f) or choose another disk.",
    errno.ENOENT: "The place cannot hold a directory: choose another one.",
    errno.EACCES: "You may not write there: choose another place or change its permissions.",
    errno.EPERM: "You may not write there: choose another place or change its permissions.",
    errno.EROFS: "The disk is mounted read-only: choose another place.",
    errno.ENOTDIR: "A part of the path is a file: choose another place.",
    errno.ENAMETOOLONG: "The name is too long: choose a shorter one.",
    errno.EIO: "The disk reports an error: choose another one.",
}
LONGEST_STEM = 100
FILES_AT_ONCE = 4


@contextmanager
def staged_directory(target: Path, force: bool = False, protect: Sequence[Path] = ()) -> Iterator[Path]:
    """Yield a hidden directory beside `target` that takes its name when the block ends well, and vanishes otherwise.

    An existing target is an error before any work, unless `force` replaces it at the very end. `protect` names
    directories, such as the base model's, that the target must not be, be inside of, or contain. SIGTERM ends the
    block like an interrupt from the keyboard.
    """
    target = Path(os.path.abspath(target))
    _check_target(target, force, protect)
    stage, previous = _sibling(target, "incomplete"), _sibling(target, "previous")
    absent = [folder for folder in target.parents if not folder.exists()]
    with _sigterm_as_exit(), _output_errors(target):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            stage.mkdir()
            yield stage
            synchronize(stage)
            _check_absent(target, force)  # it may have appeared while the work was done
            if os.path.lexists(target):
                target.rename(previous)
            stage.rename(target)
            synchronize(target.parent, recursive=False)
        finally:
            if os.path.lexists(previous) and not os.path.lexists(target):
                previous.rename(target)
            _remove(previous)
            _remove(stage)
            if not os.path.lexists(target):
                _remove_empty(absent)


def synchronize(path: Path, *, recursive: bool = True) -> None:
    """Have the disk hold a file, or a directory and all that is in it."""
    if recursive and path.is_dir():
        # Together they take the time of the largest; one by one each waits for the journal.
        with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
            list(pool.map(synchronize, path.iterdir()))
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _check_target(target: Path, force: bool, protect: Sequence[Path]) -> None:
    real = target.resolve()
    for directory in (path.resolve() for path in protect):
        if real == directory or directory in real.parents or real in directory.parents:
            raise OutputError(f"{target} overlaps {directory}, which is read. Choose another place for the output.")
    _check_absent(target, force)


def _check_absent(target: Path, force: bool) -> None:
    if os.path.lexists(target) and not force:
        raise OutputError(f"{target} exists already. Choose another place, or replace it with --force (force=True).")


def _sibling(target: Path, ending: str) -> Path:
    return target.parent / f".{target.name[:LONGEST_STEM]}.{secrets.token_hex(4)}.{ending}"


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _remove_empty(folders: Sequence[Path]) -> None:
    """Remove folders, innermost first, as long as they are empty."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


@contextmanager
def _output_errors(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        named = Path(os.path.abspath(error.filename)) if isinstance(error.filename, str) else target
        if error.errno not in ADVICE or target.parent not in named.parents:
            raise
        raise OutputError(f"{target} cannot be written. {ADVICE[error.errno]}") from error


@contextmanager
def _sigterm_as_exit() -> Iterator[None]:
    # Python lets only the main thread handle signals; and a handler that somebody else set is theirs.
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
