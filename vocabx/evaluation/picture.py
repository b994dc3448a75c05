"""The picture of results: a dot for each model and task, its interval as a line, and the floor."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vocabx.core.errors import InputError
from vocabx.evaluation.combining import Combination, Group
from vocabx.evaluation.result import Score
from vocabx.picture import save_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_results"]

PANELS_SIDE_BY_SIDE = 3
ROW_HEIGHT = 0.18
"""Inches, for each model of each task."""
TITLE_WIDTH = 44
"""Characters."""
SHARE_OF_A_ROW = 0.6
"""How much of the room between two tasks their dots take."""


def draw_results(combination: Combination, path: Path, *, force: bool = False) -> None:
    """Draw results into a .png, .svg or .pdf file, with a panel for each metric of each evaluation.

    A model has one colour in all panels. The floor of a task is a short dashed line.

    Raises
    ------
    InputError
        When no score is a number.
    OutputError, MissingExtraError
        See `save_picture`.
    """
    panels = _panels(combination)
    if not panels:
        raise InputError("None of these results has a number that could be drawn.")
    save_picture(lambda: _draw(combination, panels), path, force=force)


def _panels(combination: Combination) -> list[tuple[Group, str, list[Score]]]:
    found = []
    for group in combination.groups:
        scores = [score for score in group.scores if math.isfinite(score.value)]
        for metric in dict.fromkeys(score.metric for score in scores):
            found.append((group, metric, [score for score in scores if score.metric == metric]))
    return found


def _draw(combination: Combination, panels: Sequence[tuple[Group, str, list[Score]]]) -> Figure:
    from matplotlib.figure import Figure

    across = min(PANELS_SIDE_BY_SIDE, len(panels))
    down = math.ceil(len(panels) / across)
    models = {model.name: number for number, model in enumerate(combination.models)}
    tasks = max(len({score.task for score in scores}) for _, _, scores in panels)
    height = down * (1.0 + ROW_HEIGHT * tasks * (len(models) + 1)) + 0.4
    figure = Figure(figsize=(4.6 * across, height), layout="constrained")
    grid: Any = figure.subplots(down, across, squeeze=False)
    shown: dict[str, Any] = {}
    for axes, panel in zip(grid.flat, panels, strict=False):
        shown |= _draw_panel(axes, *panel, models)
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    in_order = sorted(shown, key=lambda name: models.get(name, len(models)))
    figure.legend([shown[name] for name in in_order], in_order, loc="outside lower center", ncols=4)
    return figure


def _draw_panel(
    axes: Any, group: Group, metric: str, scores: Sequence[Score], models: Mapping[str, int]
) -> dict[str, Any]:
    """Draw one metric; return what stands for each name in the legend."""
    tasks = list(dict.fromkeys(score.task for score in scores))
    here = [name for name in models if any(score.model == name for score in scores)]
    shown = {}
    for number, name in enumerate(here):
        own = [score for score in scores if score.model == name]
        offset = SHARE_OF_A_ROW * ((number + 0.5) / len(here) - 0.5)
        places = [tasks.index(score.task) + offset for score in own]
        sides = [[_reach(one.value, one.low) for one in own], [_reach(one.value, one.high) for one in own]]
        style = {"fmt": "o", "markersize": 4, "capsize": 2, "color": f"C{models[name] % 10}"}
        shown[name] = axes.errorbar([score.value for score in own], places, xerr=sides, **style)
    floors = {(score.task, score.floor) for score in scores if score.floor is not None and math.isfinite(score.floor)}
    for task, floor in sorted(floors):
        place = tasks.index(task)
        shown["floor"] = axes.vlines(floor, place - 0.45, place + 0.45, color="grey", linestyle="--")
    axes.set_title(textwrap.fill(group.title, TITLE_WIDTH), fontsize="medium")
    axes.set(xlabel=metric, yticks=range(len(tasks)), yticklabels=tasks)
    axes.set_ylim(len(tasks) - 0.4, -0.6)
    return shown


def _reach(value: float, end: float | None) -> float:
    """Return how far an interval reaches from its number; nowhere where there is none."""
    return abs(end - value) if end is not None and math.isfinite(end) else 0.0
