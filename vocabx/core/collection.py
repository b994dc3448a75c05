"""Memory: the garbage collector, paused while large data without cycles is made, and what is free, given back."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["give_back_large_blocks", "give_back_memory", "paused_collection"]

LARGE = 2**20
MMAP_THRESHOLD = -3
"""What glibc calls the setting (`M_MMAP_THRESHOLD` of malloc.h)."""


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
    if trim := _c_function("malloc_trim"):
        trim(0)


def give_back_large_blocks() -> None:
    """Have the C library give every block of 1 MiB or more back as soon as it is freed, where it has a way (glibc).

    Left alone, it learns from the first large block that is freed to keep those that follow.
    """
    if set_option := _c_function("mallopt"):
        set_option(MMAP_THRESHOLD, LARGE)


def _c_function(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
