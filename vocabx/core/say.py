"""Say: messages for whoever waits for long work: what is found, and how far a step is."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["DETAIL", "Say", "say_nothing", "step"]

Say = Callable[[str], None]

DETAIL = "\t"
"""Before what changes while a step goes on."""


def step(name: str, detail: str) -> str:
    """Return a message of how far a step is: a terminal shows all of it, a log only the name of the step."""
    return f"{name}{DETAIL}{detail}"


def say_nothing(message: str) -> None:
    """Keep silent."""
