"""The picture of a comparison: bits per byte of every method, before and after the probe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vocabx.comparison.comparison import Comparison, Row
from vocabx.eval.bootstrap import Interval
from vocabx.picture import save_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_comparison"]

ROW_HEIGHT = 0.32
"""Inches."""
OFFSET = 0.25
"""How far apart the two times of one method are drawn, in rows."""


def draw_comparison(comparison: Comparison, path: Path, *, force: bool = False) -> None:
    """Draw a comparison into a .png, .svg or .pdf file; see `save_picture`.

    The best method after the probe, or right after the change where nothing was trained, is at the top.
    """
    save_picture(lambda: _draw(comparison), path, force=force)


def _draw(comparison: Comparison) -> Figure:
    from matplotlib.figure import Figure

    untrained, trained = comparison.ranked(), comparison.ranked_trained()
    order = [row.label for row in trained or untrained]
    sides = ["target", *(["source"] if comparison.base_row.source else [])]
    height = 1.8 + ROW_HEIGHT * len(order)
    figure = Figure(figsize=(5.5 * len(sides) + 1, height), layout="constrained")
    times = {"right after the change": untrained}
    if trained:
        times[f"after {comparison.probe.steps} steps"] = trained
    grid: Any = figure.subplots(1, len(sides), sharey=True, squeeze=False)
    for axes, side in zip(grid[0], sides, strict=True):
        _draw_side(axes, side, comparison.base_row, times, order)
    figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.suptitle(f"{comparison.model}: {comparison.plan.new:,} new tokens")
    return figure


def _draw_side(axes: Any, side: str, base: Row, times: Mapping[str, Sequence[Row]], order: Sequence[str]) -> None:
    for number, (name, rows) in enumerate(times.items()):
        intervals: list[Interval] = [getattr(row, side) for row in rows]
        values = [interval.estimate for interval in intervals]
        below = [interval.estimate - interval.low for interval in intervals]
        above = [interval.high - interval.estimate for interval in intervals]
        places = [order.index(row.label) + OFFSET * (number - 0.5) * (len(times) - 1) for row in rows]
        axes.errorbar(values, places, xerr=[below, above], fmt="o", markersize=4, capsize=2, label=name)
    axes.axvline(getattr(base, side).estimate, color="grey", linestyle="--", label="base")
    axes.set(xlabel=f"{side} language, bits per byte", yticks=range(len(order)), yticklabels=order)
    if side == "target":
        axes.invert_yaxis()  # shared by both sides, so once
