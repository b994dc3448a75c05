"""Where the panels of a picture are, so that every row of every panel has the same height. All lengths are inches."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Layout", "arrange", "wrap"]

COLUMNS = 3
LABELS, AXES, RIGHT = 1.45, 2.75, 0.3
"""From left to right: room for the names of tasks, the axes, and what is left free."""
LINE, AROUND_TITLE, UNDER = 0.17, 0.25, 0.62
"""The height of a line of a title, what is free around it, and the room for the numbers and name of the axis."""
DOT, AROUND_DOTS = 0.15, 0.2
"""The height that a model takes in a row of a task, and what the row has besides."""
LEGEND_LINE = 0.22
TITLE_WIDTH, TASK_WIDTH = 40, 19
"""Characters in a line."""
CHARACTERS_TO_THE_INCH = 11
BESIDE_A_NAME = 7
"""The characters that a mark takes in the legend."""

Place = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """The size of a picture, and where the axes of each panel are: left, bottom, width and height as shares of it."""

    size: tuple[float, float]
    places: Sequence[Place]
    legend_columns: int


def arrange(panels: Sequence[tuple[int, int, str]], names: Sequence[str]) -> Layout:
    """Put each panel under the shortest column, the first ones side by side.

    Parameters
    ----------
    panels : sequence of (int, int, str)
        How many tasks and models each has, and its title.
    names : sequence of str
        What is in the legend besides the floor.
    """
    # Four panels are a square.
    columns = 2 if len(panels) == 4 else min(COLUMNS, len(panels))
    ends, corners = [0.0] * columns, list[tuple[float, float, float]]()
    for tasks, models, title in panels:
        column = ends.index(min(ends))
        top = ends[column] + AROUND_TITLE + LINE * len(wrap(title).splitlines())
        height = tasks * (AROUND_DOTS + DOT * models)
        corners.append((column * (LABELS + AXES + RIGHT) + LABELS, top, height))
        ends[column] = top + height + UNDER
    width = columns * (LABELS + AXES + RIGHT)
    longest = max(map(len, (*names, "floor"))) + BESIDE_A_NAME
    in_a_line = max(1, min(len(names) + 1, int(width * CHARACTERS_TO_THE_INCH / longest)))
    total = max(ends) + LEGEND_LINE * (1 + -(-(len(names) + 1) // in_a_line))
    places = [(left / width, 1 - (top + height) / total, AXES / width, height / total) for left, top, height in corners]
    return Layout((width, total), places, in_a_line)


def wrap(text: str, *, is_task: bool = False) -> str:
    """Break the title of a panel, or the name of a task, into lines."""
    return textwrap.fill(text, TASK_WIDTH if is_task else TITLE_WIDTH)
