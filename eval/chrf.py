"""chrF: how much of a translation's characters is in the reference, and the reverse, with intervals over lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vocabx.core.arrays import Ints
from vocabx.core.errors import InputError
from vocabx.eval.bootstrap import Interval, percentile_interval, resample

__all__ = ["Chrf", "measure_chrf"]

ORDER, BETA = 6, 2
"""The longest n-grams, and how much more recall weighs than precision: the usual chrF2."""


@dataclass(frozen=True, slots=True)
class Chrf:
    """Counts of character n-grams, line by line.

    Attributes
    ----------
    counts : ndarray of int64, shape (lines, 3, 6)
        For n-grams of 1 to 6 characters, white space left out: how many the translation has, how many the reference
        has, and how many they share.

    Notes
    -----
    The score is that of all counts summed over lines, in percent. Equal to sacrebleu's corpus chrF with its defaults.
    """

    counts: Ints

    @property
    def value(self) -> float:
        """The chrF of all lines."""
        return float(_score(self.counts.sum(axis=0)))

    def interval(self, rng: np.random.Generator, resamples: int = 2000, level: float = 0.95) -> Interval:
        """Return the value with percentiles of its bootstrap over lines."""
        return percentile_interval(self.value, _score(resample(self.counts, rng, resamples)), level)

    def paired_difference(
        self, other: Self, rng: np.random.Generator, resamples: int = 2000, level: float = 0.95
    ) -> Interval:
        """Return this value minus another's, with percentiles over the same lines drawn for both.

        Raises
        ------
        InputError
            When the two are not of the same references.
        """
        if not np.array_equal(self.counts[:, 1], other.counts[:, 1]):
            raise InputError("Two translations can be compared only against the same references.")
        drawn = resample(np.stack([self.counts, other.counts], axis=1), rng, resamples)
        return percentile_interval(self.value - other.value, _score(drawn[:, 0]) - _score(drawn[:, 1]), level)


def measure_chrf(translations: Sequence[str], references: Sequence[str]) -> Chrf:
    """Count what translations share with their references, line by line; at least one line."""
    if not references or len(translations) != len(references):
        raise InputError(
            f"chrF needs as many translations as references, at least one: {len(translations)} and {len(references)}."
        )
    pairs = zip(translations, references, strict=True)
    return Chrf(np.array([_count(*pair) for pair in pairs], np.int64))


def _count(translation: str, reference: str) -> list[list[int]]:
    mine, other = ("".join(text.split()) for text in (translation, reference))
    sizes = range(1, ORDER + 1)
    both = [(_ngrams(mine, size), _ngrams(other, size)) for size in sizes]
    # As in sacrebleu, an order that the reference is too short for does not count against the translation.
    return [
        [a.total() if b else 0 for a, b in both],
        [b.total() for _, b in both],
        [(a & b).total() for a, b in both],
    ]


def _ngrams(text: str, size: int) -> Counter[str]:
    return Counter(text[start : start + size] for start in range(len(text) - size + 1))


def _score(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Return the chrF of summed counts, shape (..., 3, 6) to (...)."""
    mine, other, shared = (counts[..., kind, :].astype(np.float64) for kind in range(3))
    is_there = (mine > 0) & (other > 0)
    orders = is_there.sum(axis=-1)
    precision, recall = (
        np.divide(shared, total, out=np.zeros_like(shared), where=is_there).sum(axis=-1) / np.maximum(orders, 1)
        for total in (mine, other)
    )
    weight = BETA**2
    below = weight * precision + recall
    score: NDArray[np.float64] = 100 * np.divide(
        (1 + weight) * precision * recall, below, out=np.zeros_like(below), where=below > 0
    )
    return score
