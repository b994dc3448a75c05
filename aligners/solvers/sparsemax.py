"""Sparsemax over all keys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from vocabx.aligners.solvers.sparse_rows import require, sparse_rows, stacked
from vocabx.core.arrays import Floats, Ints
from vocabx.core.cosines import cosine_blocks, largest, unit_rows
from vocabx.core.say import Say, say_nothing
from vocabx.core.threads import map_in_order

__all__ = ["Sparsemax"]

FIRST_ENTRIES = 64
"""Entries of a row that are looked at first."""

ROWS_PER_PART = 128
"""Rows of a block that one thread projects."""


@dataclass(frozen=True)
class Sparsemax:
    """Weigh keys by the sparsemax of their cosines (Martins and Astudillo 2016), as FOCUS does (2305.14481).

    The sparsemax of scores z is the point of the simplex that is nearest to z: max(z - t, 0) with the threshold t at
    which it sums to 1. How many keys it takes is up to the scores.

    Attributes
    ----------
    temperature : float
        What cosines are divided by; the smaller, the fewer source tokens make a new one.
    maximum_support : int
        Most source tokens that may make a new one; 0 sets no limit. Other keys are as if they were not there.

    Notes
    -----
    Each row is convex. All keys take part though only the largest K cosines are looked at: if the support of those is
    smaller than K, it is the support of all, and if not, K is doubled.
    """

    temperature: float = 1.0
    maximum_support: int = 0

    def __post_init__(self) -> None:
        require(self.temperature > 0, "temperature", self.temperature, "positive")
        require(self.maximum_support >= 0, "maximum_support", self.maximum_support, "0 or more")

    def weigh(self, queries: Floats, keys: Floats, say: Say = say_nothing) -> csr_array:
        """Return convex weights, float64 and shape (N, C)."""
        blocks = cosine_blocks(unit_rows(queries), unit_rows(keys))
        return stacked([part for _, block in blocks for part in map_in_order(self._project, _parts(block))], len(keys))

    def _project(self, cosines: Floats) -> csr_array:
        limit = min(self.maximum_support or cosines.shape[1], cosines.shape[1])
        entries = min(FIRST_ENTRIES, limit)
        waiting, parts = np.arange(len(cosines)), []
        while len(waiting):
            ids, found = largest(cosines[waiting], entries)
            weights = _sparsemax(found, self.temperature)
            settled = (weights[:, -1] == 0) | (entries == limit)
            parts.append((waiting[settled], sparse_rows(ids[settled], weights[settled], cosines.shape[1])))
            waiting, entries = waiting[~settled], min(2 * entries, limit)
        return _in_order(parts, cosines.shape[1])


def _parts(block: Floats) -> list[Floats]:
    return [block[start : start + ROWS_PER_PART] for start in range(0, len(block), ROWS_PER_PART)]


def _sparsemax(found: Floats, temperature: float) -> NDArray[np.float64]:
    """Project rows that descend onto the simplex."""
    scores = (found.astype(np.float64) - found[:, :1]) / temperature
    sums = scores.cumsum(axis=1)
    support = (1 + np.arange(1, scores.shape[1] + 1) * scores > sums).sum(axis=1, keepdims=True)
    threshold = (np.take_along_axis(sums, support - 1, axis=1) - 1) / support
    weights = np.maximum(scores - threshold, 0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _in_order(parts: list[tuple[Ints, csr_array]], keys: int) -> csr_array:
    """Put rows that were settled in several rounds back to their places."""
    places = np.concatenate([rows for rows, _ in parts])
    matrix = stacked([block for _, block in parts], keys)
    return matrix if len(parts) == 1 else csr_array(matrix[np.argsort(places)])
