"""Processes: several of them train one model together, and the first says and writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vocabx.core.say import Say, say_nothing

__all__ = ["first_of_all", "is_first", "only_first", "process_count", "start", "wait"]


def start(cpu: bool) -> None:
    """Find the other processes, if there are any; this must come before all else that asks about them."""
    from accelerate import PartialState

    PartialState(cpu=cpu)


def process_count() -> int:
    """Return how many processes train together."""
    return int(_state().num_processes)


def is_first() -> bool:
    """Whether this process is the one that says and writes."""
    return bool(_state().is_main_process)


def wait() -> None:
    """Wait until all processes are here."""
    _state().wait_for_everyone()


@contextmanager
def first_of_all() -> Iterator[None]:
    """Run a block in the first process, and then in the others, which find what it has made."""
    with _state().main_process_first():
        yield


def only_first(say: Say) -> Say:
    """Let the first process alone speak."""
    return say if is_first() else say_nothing


def _state() -> Any:
    from accelerate import PartialState

    return PartialState()
