"""Runs that are killed in a process of their own, and a system that knows less than this one."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import threading
from collections.abc import Callable

import pytest

from vocabx.checkpoint.staging import renames

__all__ = ["die", "killed", "without_flags"]


def die(*arguments: object) -> None:
    """End this process as a power cut does."""
    os.kill(os.getpid(), signal.SIGKILL)


def killed(run: Callable[[], object]) -> bool:
    """Run something in a fork; return whether it was killed."""
    # A fork has none of the others. fsspec's loop, which other tests leave behind, is not missed.
    assert {thread.name for thread in threading.enumerate()} <= {"MainThread", "fsspecIO"}, threading.enumerate()
    child = os.fork()
    if not child:
        try:
            run()
        finally:
            os._exit(7)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


def without_flags(monkeypatch: pytest.MonkeyPatch, number: int | None = None) -> None:
    """Let the system have no renames with flags, or refuse them with an error."""

    def refuse(source: bytes, target: bytes, flag: int) -> int:
        ctypes.set_errno(number or errno.EINVAL)
        return -1

    monkeypatch.setattr(renames, "_system_rename", lambda: refuse if number else None)
