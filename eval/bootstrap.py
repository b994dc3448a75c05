"""Bootstrap: how far a number would move, had other units (documents, lines, premises, items) been drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vocabx.core.arrays import Ints

__all__ = ["Interval", "bootstrap_ratio", "percentile_interval", "resample"]

DRAWN_AT_ONCE = 2**20
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate, and the range it would fall into at the level asked for, had other units been drawn."""

    estimate: float
    low: float
    high: float


def resample(counts: NDArray[Any], rng: np.random.Generator, resamples: int) -> Numbers:
    """Return sums over units, drawn with replacement, as many as there are.

    Parameters
    ----------
    counts : ndarray, shape (units, ...)
        What is summed, of each unit.
    rng : Generator
        Generators of one state draw the same units, whatever is counted: so differences of two sums are paired.
    resamples : int

    Returns
    -------
    ndarray of float64, shape (resamples, ...)
    """
    units = len(counts)
    flat = counts.reshape(units, -1).astype(np.float64)
    sums = np.empty((resamples, flat.shape[1]))
    at_once = max(1, DRAWN_AT_ONCE // units)
    for begin in range(0, resamples, at_once):
        rows = min(at_once, resamples - begin)
        places = rng.integers(units, size=(rows, units)) + units * np.arange(rows)[:, None]
        times = np.bincount(places.ravel(), minlength=rows * units).reshape(rows, units)
        sums[begin : begin + rows] = times.astype(np.float64) @ flat
    return sums.reshape(resamples, *counts.shape[1:])


def percentile_interval(estimate: float, drawn: Numbers, level: float = 0.95) -> Interval:
    """Return an estimate with the percentiles of what draws gave; shape (resamples,)."""
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(estimate), float(low), float(high))


def bootstrap_ratio(
    parts: Numbers, wholes: Numbers | Ints, rng: np.random.Generator, resamples: int = 2000, level: float = 0.95
) -> Interval:
    """Return the ratio of two sums over units, with percentiles of its bootstrap over them; arrays (units,)."""
    drawn = resample(np.stack([parts, wholes], axis=1), rng, resamples)
    return percentile_interval(parts.sum() / wholes.sum(), drawn[:, 0] / drawn[:, 1], level)
