"""Tally: a ratio of counts, such as accuracy or F1, over several seeds, with intervals over the units of the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vocabx.core.arrays import Ints
from vocabx.core.errors import InputError
from vocabx.eval.bootstrap import Interval, percentile_interval, resample

__all__ = ["Tally", "tally_correct"]

Counts = NDArray[np.float64]


@dataclass(frozen=True)
class Tally:
    """What is counted in each of U units (premises, sentences) by each of S seeds; both arrays have shape (S, U).

    Attributes
    ----------
    parts, wholes : ndarray of float64
        A seed's number is ``parts.sum() / wholes.sum()``, so large units weigh more; 0 where there is nothing.

    Notes
    -----
    Intervals are of the units: they say how much the number depends on which were drawn. What depends on the seed is
    `by_seed`, and an interval does not hold it.
    """

    parts: Counts
    wholes: Counts

    @property
    def by_seed(self) -> Counts:
        """The number of each seed, shape (S,)."""
        return _ratios(self.parts.sum(axis=1), self.wholes.sum(axis=1))

    @property
    def value(self) -> float:
        """The mean over seeds."""
        return float(self.by_seed.mean())

    @property
    def deviation(self) -> float | None:
        """The standard deviation over seeds; None of a single one."""
        return float(self.by_seed.std(ddof=1)) if len(self.parts) > 1 else None

    def interval(self, rng: np.random.Generator, resamples: int = 2000, level: float = 0.95) -> Interval:
        """Return the value with percentiles of its bootstrap over units."""
        return _bootstrap([self], rng, resamples, level)

    def difference(
        self, other: Tally, rng: np.random.Generator, resamples: int = 2000, level: float = 0.95
    ) -> Interval:
        """Return this value minus another's, with percentiles over the same units drawn for both."""
        if self.parts.shape[1] != other.parts.shape[1]:
            raise InputError("Two tallies can be compared only on the same units, and these have different numbers.")
        return _bootstrap([self, other], rng, resamples, level)


def tally_correct(predicted: Ints, labels: Ints, groups: Ints) -> Tally:
    """Count right answers by group: `predicted` has shape (S, N), `labels` and `groups` have shape (N,)."""
    units = int(groups.max()) + 1
    is_right = predicted == labels
    parts = np.stack([np.bincount(groups, weights=row, minlength=units) for row in is_right]).astype(np.float64)
    wholes = np.broadcast_to(np.bincount(groups, minlength=units).astype(np.float64), parts.shape)
    return Tally(parts, wholes)


def _ratios(parts: Counts, wholes: Counts) -> Counts:
    ratios: Counts = np.divide(parts, wholes, out=np.zeros_like(parts), where=wholes > 0)
    return ratios


def _bootstrap(tallies: Sequence[Tally], rng: np.random.Generator, resamples: int, level: float) -> Interval:
    """Return the first one's value, less the second's where there is one."""
    counts = np.concatenate([np.stack([tally.parts, tally.wholes], axis=-1) for tally in tallies])
    drawn = resample(counts.swapaxes(0, 1), rng, resamples)
    by_seed = _ratios(drawn[..., 0], drawn[..., 1])
    first = len(tallies[0].parts)
    estimate, values = tallies[0].value, by_seed[:, :first].mean(axis=1)
    if len(tallies) > 1:
        estimate, values = estimate - tallies[1].value, values - by_seed[:, first:].mean(axis=1)
    return percentile_interval(estimate, values, level)
