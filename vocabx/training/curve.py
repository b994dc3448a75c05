"""The curve: what was measured while a run went on, a line of JSON each, kept through interruptions."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Curve", "Point"]


@dataclass(frozen=True, slots=True)
class Point:
    """One line of the curve.

    Attributes
    ----------
    stage : int
        From 1 on.
    step : int
        Of the stage; 0 before its first. That of the run is `run_step`.
    tokens, bytes : int
        Read since the run began: tokens, and UTF-8 bytes of the text that they stand for.
    seconds : float
        Of training since the run began, without measurements and interruptions.
    loss : float, optional
        Mean over the steps since the line before, in nats for one predicted token; of both tokens together where the
        recipe predicts the next but one, too.
    learning_rate : float, optional
    bits_per_byte : mapping of str to float
        Of the held-out texts by label, where they were measured.
    run_step : int
        Step of the run, all stages together, as the messages count.
    """

    stage: int
    step: int
    tokens: int
    bytes: int
    seconds: float
    loss: float | None = None
    learning_rate: float | None = None
    bits_per_byte: Mapping[str, float] = field(default_factory=dict)
    run_step: int = 0


@dataclass(frozen=True)
class Curve:
    """A file of points, in the order in which they were measured."""

    file: Path

    def points(self) -> list[Point]:
        """Read all points; a line that was cut off is none."""
        if not self.file.is_file():
            return []
        found = []
        for line in self.file.read_text("utf-8").splitlines():
            try:
                found.append(Point(**json.loads(line)))
            except (TypeError, ValueError):
                break
        return found

    def add(self, point: Point) -> None:
        """Write a point at the end, to the disk."""
        with self.file.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(asdict(point))}\n")
            file.flush()
            os.fsync(file.fileno())

    def cut(self, stage: int, step: int) -> None:
        """Forget what was measured behind a step of a stage: the run goes on from there, and measures it again."""
        kept = [point for point in self.points() if (point.stage, point.step) <= (stage, step)]
        self._write(kept)

    def _write(self, points: Sequence[Point]) -> None:
        staged = self.file.with_name(f"{self.file.name}.new")
        staged.write_text("".join(f"{json.dumps(asdict(point))}\n" for point in points), "utf-8")
        staged.replace(self.file)

    def summary(self) -> dict[str, Any]:
        """Return how the run began and ended; losses are means over a tenth of the lines, for one is noisy.

        A tenth is rounded up, and of fewer than two lines with a loss both means are over the same.
        """
        points = self.points()
        losses = [point.loss for point in points if point.loss is not None]
        tenth = math.ceil(len(losses) / 10)
        measured = [point for point in points if point.bits_per_byte]
        return {
            "loss_of_first_tenth": math.fsum(losses[:tenth]) / tenth if losses else None,
            "loss_of_last_tenth": math.fsum(losses[-tenth:]) / tenth if losses else None,
            "seconds": points[-1].seconds if points else 0.0,
            "bits_per_byte_before": dict(measured[0].bits_per_byte) if measured else {},
            "bits_per_byte_after": dict(measured[-1].bits_per_byte) if measured else {},
        }
