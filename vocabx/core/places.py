"""The current directory, which may have been removed under a process."""

from __future__ import annotations

from pathlib import Path

from vocabx.core.errors import InputError

__all__ = ["current_directory"]


def current_directory() -> Path:
    """Return the current directory; raise `InputError` where it is not there any more."""
    try:
        return Path.cwd()
    except OSError as error:
        raise InputError(
            "The current directory is not there any more, or cannot be read. Change to another one and run this again."
        ) from error
