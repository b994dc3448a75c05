"""Memory: the garbage collector, paused while large data without cycles is made, and what is free, given back."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["give_back_memory", "paused_collection"]


@contextmanager
def paused_collection() -> Iterator[None]:
    """Keep the collector from searching millions of strings for cycles, again and again.

    Everything is freed all the same when nothing refers to it any more. The collector is as it was afterwards.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def give_back_memory() -> None:
    """Give memory that is no longer used back to the system, where the C library has a way (glibc).

    It keeps what a large vocabulary leaves behind, between what is still used, and asks for more for the next one.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
