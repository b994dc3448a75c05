"""Answers: what one model made of each item of one task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vocabx.core.arrays import Ints
from vocabx.eval.bootstrap import resample
from vocabx.eval.harness.metrics import Floor, accuracies, constant_floor, count_confusions, macro_f1s

__all__ = ["ACCURACY", "BY_BYTES", "BY_CHARACTERS", "MACRO_F1", "Answers"]

ACCURACY, BY_CHARACTERS, BY_BYTES, MACRO_F1 = "acc", "acc_norm", "acc_bytes", "macro_f1"
"""Metrics, the first three as the harness calls them: choices are ranked by log-likelihood, or by that per character
or per UTF-8 byte."""

Numbers = NDArray[np.float64]
ARRAYS = {"gold": np.int64, "log_likelihoods": np.float64, "characters": np.int64, "bytes": np.int64}
"""Fields that are arrays, and what each holds."""


@dataclass(frozen=True)
class Answers:
    """What one model made of the items of one task, in their order.

    Attributes
    ----------
    task : str
        Its name.
    gold : ndarray of int64, shape (items,)
        The right choice.
    log_likelihoods : ndarray of float64, shape (items, choices)
        Natural logarithm of the probability of each choice.
    characters, bytes : ndarray of int64, shape (items, choices)
        Lengths of the choices.
    truncated : int
        Items that were longer than the model's context, and lost their beginning.
    reported : mapping of str to float
        What the harness itself says, by its names of metrics.
    errors : mapping of str to float
        Standard errors that the harness gives, which take all items for independent.
    shared : sequence of str
        Of each item what those have in common that are not independent, such as the premise; none where all are.
    """

    task: str
    gold: Ints
    log_likelihoods: Numbers
    characters: Ints
    bytes: Ints
    truncated: int = 0
    reported: Mapping[str, float] = field(default_factory=dict)
    errors: Mapping[str, float] = field(default_factory=dict)
    shared: Sequence[str] = ()

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.gold)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        arrays = {name: getattr(self, name).tolist() for name in ARRAYS}
        return {**asdict(self), **arrays, "shared": list(self.shared)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave, to the bit."""
        return cls(**{**content, **{name: np.array(content[name], kind) for name, kind in ARRAYS.items()}})

    @property
    def choices(self) -> int:
        """How many choices there are."""
        return int(self.log_likelihoods.shape[1])

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics: per character only where the harness asks for that."""
        normed = (BY_CHARACTERS,) if BY_CHARACTERS in self.reported else ()
        return (ACCURACY, *normed, BY_BYTES, MACRO_F1)

    def predicted(self, metric: str = ACCURACY) -> Ints:
        """Return the choice that wins by this metric; the first of several that are equal."""
        lengths = {BY_CHARACTERS: self.characters, BY_BYTES: self.bytes}
        scores = self.log_likelihoods / lengths[metric] if metric in lengths else self.log_likelihoods
        return np.asarray(scores.argmax(axis=1), np.int64)

    def value(self, metric: str) -> float:
        """Return a metric over all items, as the harness says it where it does."""
        said = self.reported.get("f1" if metric == MACRO_F1 else metric)
        if said is not None:
            return said
        together = np.zeros_like(self.gold)
        return float(self._measure(metric, self._confusions(metric, together))[0])

    def redrawn(self, metric: str, units: Ints, rng: np.random.Generator, resamples: int) -> Numbers:
        """Return a metric over each draw of units, which are drawn whole; shape (resamples,).

        `units` numbers the unit of each item from 0 on, shape (items,). Generators of one state draw the same units for
        every model and metric.
        """
        return self._measure(metric, resample(self._confusions(metric, units), rng, resamples))

    def floor(self, metric: str) -> float:
        """Return what the best constant answer gets."""
        return self._floor.macro_f1 if metric == MACRO_F1 else self._floor.accuracy

    @cached_property
    def _floor(self) -> Floor:
        return constant_floor(self.gold, self.choices)

    def _confusions(self, metric: str, units: Ints) -> Ints:
        return count_confusions(self.gold, self.predicted(metric), self.choices, units)

    def _measure(self, metric: str, confusions: NDArray[Any]) -> Numbers:
        return macro_f1s(confusions) if metric == MACRO_F1 else accuracies(confusions)
