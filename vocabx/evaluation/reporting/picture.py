"""The picture of results: a dot for each model and task, its interval as a line, and the floor."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vocabx.core.errors import InputError, UnknownNameError
from vocabx.evaluation.harness.scores import PLAIN
from vocabx.evaluation.reporting.combining import Combination, Group
from vocabx.evaluation.reporting.panels import Layout, arrange, wrap
from vocabx.evaluation.result import Score
from vocabx.evaluation.terms import find_term
from vocabx.picture import save_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["HEADLINES", "draw_results"]

HEADLINES = {
    "bits-per-byte": ("bits per byte",),
    "retention": ("bits per byte", "same likeliest token"),
    "fertility": ("tokens per character",),
    "speed": ("characters per second", "speed-up"),
    "translate": ("chrF",),
    "kobest": ("macro_f1",),
    "xnli": ("acc",),
    "xnli --finetune": ("accuracy",),
    "ner": ("entity F1",),
    "retrieval": ("top-1",),
}
"""What is drawn of each kind of evaluation; of another kind, and where none of these was measured, the first metric."""

MARKERS = "osD^vP*X"
SHARE_OF_A_ROW = 0.7
"""How much of the room between two tasks their dots take."""


@dataclass(frozen=True)
class Panel:
    """One metric of one evaluation."""

    group: Group
    metric: str
    scores: Sequence[Score]

    @property
    def tasks(self) -> list[str]:
        """In the order of the scores."""
        return list(dict.fromkeys(score.task for score in self.scores))

    @property
    def models(self) -> int:
        """How many have a score."""
        return len({score.model for score in self.scores})

    @property
    def axis(self) -> str:
        """What is written under the axis."""
        term = find_term(self.metric)
        return f"{self.metric} ({term.better} is better)" if term and term.better else self.metric


def draw_results(combination: Combination, path: Path, *, metrics: Sequence[str] = (), force: bool = False) -> None:
    """Draw results into a .png, .svg or .pdf file, with a panel for each metric of each evaluation.

    A model has one colour and one mark in all panels. The floor of a task is a dashed line. Of averages only the one by
    size is drawn.

    Parameters
    ----------
    combination : Combination
    path : Path
    metrics : sequence of str
        What is drawn, instead of the `HEADLINES` of each kind.
    force : bool
        Replace the file.

    Raises
    ------
    InputError
        When no score is a number, or no result has one of the metrics.
    OutputError, MissingExtraError
        See `save_picture`.
    """
    known = {score.metric for group in combination.groups for score in _drawable(group)}
    if not known:
        raise InputError("None of these results has a number that could be drawn.")
    for metric in metrics:
        if metric not in known:
            raise UnknownNameError("metric in these results", metric, known)
    panels = list(_panels(combination, tuple(dict.fromkeys(metrics))))
    save_picture(lambda: _draw(combination, panels), path, force=force)


def _drawable(group: Group) -> list[Score]:
    scores = [score for score in group.scores if math.isfinite(score.value)]
    return [score for score in scores if score.task != f"{group.kind}, {PLAIN}"]


def _panels(combination: Combination, wanted: Sequence[str]) -> Iterator[Panel]:
    for group in combination.groups:
        scores = _drawable(group)
        there = list(dict.fromkeys(score.metric for score in scores))
        chosen = [metric for metric in wanted or HEADLINES.get(group.kind, ()) if metric in there]
        for metric in chosen if chosen or wanted else there[:1]:
            yield Panel(group, metric, [score for score in scores if score.metric == metric])


def _draw(combination: Combination, panels: Sequence[Panel]) -> Figure:
    from matplotlib.figure import Figure

    names = [model.name for model in combination.models]
    layout = arrange([(len(panel.tasks), panel.models, panel.group.title) for panel in panels], names)
    figure = Figure(figsize=layout.size)
    shown: dict[str, Any] = {}
    for panel, place in zip(panels, layout.places, strict=True):
        shown |= _draw_panel(figure.add_axes(place), panel, names)
    _add_legend(figure, shown, names, layout)
    return figure


def _draw_panel(axes: Any, panel: Panel, names: Sequence[str]) -> dict[str, Any]:
    """Draw one metric; return what stands for each name in the legend."""
    tasks = panel.tasks
    here = [name for name in names if any(score.model == name for score in panel.scores)]
    shown = {}
    for number, name in enumerate(here):
        own = [score for score in panel.scores if score.model == name]
        offset = SHARE_OF_A_ROW * ((number + 0.5) / len(here) - 0.5)
        places = [tasks.index(score.task) + offset for score in own]
        sides = [[_reach(one.value, one.low) for one in own], [_reach(one.value, one.high) for one in own]]
        mark, colour = MARKERS[names.index(name) % len(MARKERS)], f"C{names.index(name) % 10}"
        style = {"fmt": mark, "markersize": 4.5, "capsize": 2, "elinewidth": 1.2, "color": colour}
        shown[name] = axes.errorbar([score.value for score in own], places, xerr=sides, **style)
    floors = {(one.task, one.floor) for one in panel.scores if one.floor is not None and math.isfinite(one.floor)}
    for task, floor in sorted(floors):
        place = tasks.index(task)
        shown["floor"] = axes.vlines(floor, place - 0.46, place + 0.46, color="0.35", linestyle=(0, (2, 1)), zorder=1)
    _label(axes, panel)
    return shown


def _label(axes: Any, panel: Panel) -> None:
    tasks = panel.tasks
    axes.set_title(wrap(panel.group.title), fontsize=10, fontweight="bold", loc="left")
    axes.set_xlabel(panel.axis, fontsize=9)
    average = panel.group.kind + ", "
    axes.set_yticks(range(len(tasks)), [wrap(task.removeprefix(average), is_task=True) for task in tasks], fontsize=9)
    axes.set_ylim(len(tasks) - 0.5, -0.5)
    axes.margins(x=0.08)
    axes.locator_params(axis="x", nbins=5)
    axes.tick_params(axis="x", labelsize=8)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    for place in range(1, len(tasks)):
        axes.axhline(place - 0.5, color="0.8", linewidth=0.6)


def _add_legend(figure: Figure, shown: dict[str, Any], names: Sequence[str], layout: Layout) -> None:
    in_order = [name for name in (*names, "floor") if name in shown]
    handles = [shown[name] for name in in_order]
    figure.legend(handles, in_order, loc="lower center", ncols=layout.legend_columns, fontsize=9, frameon=False)


def _reach(value: float, end: float | None) -> float:
    """Return how far an interval reaches from its number; nowhere where there is none."""
    return abs(end - value) if end is not None and math.isfinite(end) else 0.0
