"""Renames in one step: to a name that nothing has yet, and of two names with each other."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

__all__ = ["exchange", "rename_to_new"]

Rename = Callable[[bytes, bytes, int], int]

CURRENT_DIRECTORY = -100  # AT_FDCWD of Linux
ONLY_NEW, EXCHANGE = (1, 2) if sys.platform == "linux" else (4, 2)
"""RENAME_NOREPLACE and RENAME_EXCHANGE of renameat2; RENAME_EXCL and RENAME_SWAP of renamex_np."""
NOT_HERE = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)
"""What a kernel or a file system answers that does not know the flag."""


def rename_to_new(source: Path, target: Path) -> None:
    """Rename; raise `FileExistsError` where `target` exists, be it an empty directory."""
    if _renamed(source, target, ONLY_NEW):
        return
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    source.rename(target)


def exchange(one: Path, other: Path) -> bool:
    """Let two names that exist trade what they name, at once; return False where the system cannot."""
    return _renamed(one, other, EXCHANGE)


def _renamed(source: Path, target: Path, flag: int) -> bool:
    rename = _system_rename()
    if rename is None:
        return False
    if rename(os.fsencode(source), os.fsencode(target), flag) == 0:
        return True
    number = ctypes.get_errno()
    if number in NOT_HERE:
        return False
    raise OSError(number, os.strerror(number), str(source), None, str(target))


@cache
def _system_rename() -> Rename | None:
    """Find the call that takes flags: renameat2 on Linux, renamex_np on macOS."""
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        apple: Rename | None = getattr(library, "renamex_np", None)
        return apple
    linux = getattr(library, "renameat2", None)
    if linux is None:
        return None
    return lambda source, target, flag: int(linux(CURRENT_DIRECTORY, source, CURRENT_DIRECTORY, target, flag))
