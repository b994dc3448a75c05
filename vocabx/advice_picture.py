"""The picture of an advice: tokens per character by size, and what each doubling saves."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vocabx.advice import Advice
from vocabx.core.errors import InputError, MissingExtraError, OutputError
from vocabx.knee import LEAST_SAVING, doubling_savings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SUFFIXES", "check_picture", "draw_advice"]

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


def draw_advice(advice: Advice, path: Path, *, force: bool = False) -> None:
    """Draw an advice into a .png, .svg or .pdf file, which appears whole or not at all.

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
            _draw(advice).savefig(part, format=path.suffix[1:], dpi=150, metadata=UNDATED.get(path.suffix))
            part.replace(path)
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error.strerror or error}. Choose another place.") from error
        finally:
            part.unlink(missing_ok=True)


def _draw(advice: Advice) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    sizes = advice.curve.sizes[1:]
    for label, text in advice.curve.texts.items():
        per_character = text.tokens / max(text.characters, 1)
        name = f"{label} (without new tokens {per_character[0]:.3f})"
        upper.plot(sizes, per_character[1:], marker="o", markersize=3, label=name)
        lower.plot(sizes[1:], 100 * doubling_savings(sizes, text.tokens[1:].tolist()), marker="o", markersize=3)
    lower.axhline(100 * LEAST_SAVING, color="grey", linestyle=":", label=f"least that pays: {LEAST_SAVING:.0%}")
    if advice.recommended is not None:
        for axes in (upper, lower):
            axes.axvline(advice.recommended, color="grey", linestyle="--")
        upper.plot([], [], color="grey", linestyle="--", label=f"recommended: {advice.recommended:,}")
    upper.set(title=f"{advice.base}: how many tokens to add", ylabel="tokens per character", xscale="log")
    lower.set(xlabel="new tokens", ylabel="saved per doubling, %", ylim=(0, None))
    lower.xaxis.set_major_formatter(lambda size, _: f"{size:,.0f}")
    upper.legend()
    lower.legend()
    return figure
