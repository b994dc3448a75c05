"""Pictures: files that a figure is drawn into, whole or not at all."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vocabx.core.errors import InputError, MissingExtraError, OutputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SUFFIXES", "check_picture", "save_picture"]

SUFFIXES = (".png", ".svg", ".pdf")
UNDATED: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
"""Metadata without which the same picture would be other bytes each time."""


def check_picture(path: Path, *, force: bool = False) -> None:
    """Raise, before any work, what would keep a picture from being written."""
    if path.suffix not in SUFFIXES:
        raise InputError(f"A picture's name must end in {', '.join(SUFFIXES)}; {path} does not.")
    if not path.parent.is_dir():
        raise OutputError(f"There is no directory {path.parent} to write {path.name} into. Make it, or name another.")
    if path.is_dir() or (path.exists() and not force):
        raise OutputError(f"{path} exists already. Choose another place, or replace it with --force.")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"You may not write into {path.parent}: choose another place or change its permissions.")
    _require_matplotlib()


def _require_matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Drawing a picture", "report") from error


def save_picture(draw: Callable[[], Figure], path: Path, *, force: bool = False) -> None:
    """Draw a figure into a .png, .svg or .pdf file, which appears whole or not at all.

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    OutputError
        Where the file exists and `force` is not given, or cannot be written.
    """
    check_picture(path, force=force)
    import matplotlib

    part = path.with_name(f".{path.name}.{os.getpid()}.incomplete")
    # A label in a script that the font lacks shows as boxes; that is no reason to speak of glyphs on stderr.
    with matplotlib.rc_context({"svg.hashsalt": "vocabx"}), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            draw().savefig(part, format=path.suffix[1:], dpi=150, metadata=UNDATED.get(path.suffix))
            part.replace(path)
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error.strerror or error}. Choose another place.") from error
        finally:
            part.unlink(missing_ok=True)
