"""The garbage collector, paused while large data without cycles is made."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["paused_collection"]


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
