"""Interruptions: SIGTERM that ends a block like an interrupt from the keyboard."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

__all__ = ["is_interruption", "sigterm_as_exit"]

TERMINATED = 128 + signal.SIGTERM


def is_interruption(error: BaseException) -> bool:
    """Whether somebody stopped the work, and nothing is wrong with it."""
    return isinstance(error, KeyboardInterrupt) or (isinstance(error, SystemExit) and error.code == TERMINATED)


@contextmanager
def sigterm_as_exit() -> Iterator[None]:
    """Let SIGTERM raise `SystemExit` in a block, so that it cleans up."""
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
