"""Say: messages for whoever waits for long work."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Say", "say_nothing"]

Say = Callable[[str], None]


def say_nothing(message: str) -> None:
    """Keep silent."""
