"""Scores of models on the same items: each with an interval and a floor, and differences from the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vocabx.core.arrays import Ints
from vocabx.eval.bootstrap import Interval, percentile_interval
from vocabx.eval.finetune.folds import premise_groups
from vocabx.eval.harness.answers import Answers
from vocabx.evaluation.result import Difference, Score

__all__ = ["PLAIN", "WEIGHTED", "score_differences", "score_models"]

RESAMPLES = 2000
WEIGHTED, PLAIN = "average by size", "plain average"
"""Behind the kind: the first is what the harness calls the group."""

Numbers = NDArray[np.float64]
ByTask = Mapping[str, Answers]


@dataclass(frozen=True)
class Measured:
    """One metric of one model: its value, the same over each draw of items, its floor and its items.

    `said` is the standard error that the harness gives; without one, or where items are not independent, it is that of
    the draws.
    """

    task: str
    metric: str
    value: float
    redrawn: Numbers
    floor: float
    items: int
    said: float | None = None

    @property
    def interval(self) -> Interval:
        """The value with its 95 % interval."""
        return percentile_interval(self.value, self.redrawn)

    @property
    def error(self) -> float:
        """The standard error."""
        return float(self.redrawn.std()) if self.said is None else self.said


def score_models(kind: str, answers: Mapping[str, ByTask], seed: int) -> Iterator[Score]:
    """Score each model on each task by each metric, and on average over tasks.

    Items are drawn within tasks, those that share a premise together. Tasks that ask the same in several languages get
    the same draws, so that an average over languages is not taken for one of independent items.

    Parameters
    ----------
    kind : str
        What averages are called.
    answers : mapping of str to mapping of str to Answers
        By model, then by task.
    seed : int
        Of the draws, which are the same for all models.
    """
    for model, tasks in answers.items():
        for one in _measure(kind, tasks, seed):
            low, high = one.interval.low, one.interval.high
            yield Score(model, one.task, one.metric, one.value, low, high, one.floor, one.items, one.error)


def score_differences(kind: str, answers: Mapping[str, ByTask], seed: int) -> Iterator[Difference]:
    """Compare all models with the first one, each draw of items given to both."""
    (first, theirs), *others = answers.items()
    before = _measure(kind, theirs, seed) if others else []
    for model, tasks in others:
        for old, new in zip(before, _measure(kind, tasks, seed), strict=True):
            gained = percentile_interval(new.value - old.value, new.redrawn - old.redrawn)
            yield Difference(model, first, new.task, new.metric, gained.estimate, gained.low, gained.high)


def _measure(kind: str, tasks: ByTask, seed: int) -> list[Measured]:
    units = _units(list(tasks.values()))
    found = [
        one
        for answers, (place, numbers) in zip(tasks.values(), units, strict=True)
        for one in _measure_task(answers, numbers, (seed, place))
    ]
    averages = [average for metric in dict.fromkeys(one.metric for one in found)
                for average in _average(kind, [one for one in found if one.metric == metric])]  # fmt: skip
    return [*found, *averages]


def _units(tasks: Sequence[Answers]) -> list[tuple[int, Ints]]:
    """Return for each task the first one that it shares its draws with, and the number of each item's unit."""
    alike: dict[object, list[int]] = {}
    for place, answers in enumerate(tasks):
        # The labels tell whether two tasks hold the same pairs in two languages.
        alike.setdefault(answers.gold.tobytes() if len(answers.shared) else place, []).append(place)
    found: dict[int, tuple[int, Ints]] = {}
    for first, *others in alike.values():
        texts = [tasks[place].shared for place in (first, *others)]
        units = premise_groups(texts) if len(texts[0]) else np.arange(len(tasks[first]))
        found |= dict.fromkeys((first, *others), (first, units))
    return [found[place] for place in range(len(tasks))]


def _measure_task(answers: Answers, units: Ints, seed: tuple[int, int]) -> Iterator[Measured]:
    for metric in answers.metrics:
        redrawn = answers.redrawn(metric, units, np.random.default_rng(seed), RESAMPLES)
        said = None if len(answers.shared) else answers.errors.get(metric)
        yield Measured(answers.task, metric, answers.value(metric), redrawn, answers.floor(metric), len(answers), said)


def _average(kind: str, parts: Sequence[Measured]) -> Iterator[Measured]:
    """Average one metric over tasks, by their sizes and plainly; nothing where there is only one."""
    if len(parts) < 2:
        return
    sizes = np.array([part.items for part in parts], np.float64)
    for name, weights in ((WEIGHTED, sizes), (PLAIN, np.ones(len(parts)))):
        shares = weights / weights.sum()
        yield Measured(
            f"{kind}, {name}",
            parts[0].metric,
            float(shares @ np.array([part.value for part in parts])),
            shares @ np.stack([part.redrawn for part in parts]),
            float(shares @ np.array([part.floor for part in parts])),
            int(sizes.sum()),
        )
