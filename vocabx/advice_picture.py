"""The picture of an advice: tokens per character by size, and what each doubling saves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vocabx.advice import Advice
from vocabx.knee import LEAST_SAVING, doubling_savings
from vocabx.picture import save_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_advice"]


def draw_advice(advice: Advice, path: Path, *, force: bool = False) -> None:
    """Draw an advice into a .png, .svg or .pdf file; see `save_picture`."""
    save_picture(lambda: _draw(advice), path, force=force)


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
