"""Softmax over the nearest keys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from vocabx.aligners.solvers.repeated_rows import nearest_of_repeated
from vocabx.aligners.solvers.sparse_rows import require, sparse_rows
from vocabx.core.arrays import Floats
from vocabx.core.neighbours import check_index
from vocabx.core.say import Say, say_nothing

__all__ = ["SoftmaxNeighbours"]


@dataclass(frozen=True)
class SoftmaxNeighbours:
    """Weigh the K nearest keys by the softmax of their cosines (WECHSEL, 2112.06598; OFA, 2311.08849).

    Attributes
    ----------
    neighbours : int
        How many nearest source tokens, K, make a new one. Of keys that are equally near the first are taken.
    temperature : float
        The smaller, the more the nearest source token weighs; above 0. Any positive value is safe.
    index : str
        How neighbours are searched: ``exact``, ``ivf``, ``hnsw`` or ``auto``. See `nearest_by_cosine`.

    Notes
    -----
    Each row is convex.

    Examples
    --------
    >>> keys = np.eye(3, dtype=np.float32)
    >>> SoftmaxNeighbours(neighbours=2).weigh(keys[:1], keys).toarray().round(4).tolist()
    [[1.0, 0.0, 0.0]]
    """

    neighbours: int = 10
    temperature: float = 0.1
    index: str = "exact"

    def __post_init__(self) -> None:
        require(self.neighbours >= 1, "neighbours", self.neighbours, "at least 1")
        require(self.temperature > 0, "temperature", self.temperature, "positive")
        check_index(self.index)

    def weigh(self, queries: Floats, keys: Floats, say: Say = say_nothing) -> csr_array:
        """Return convex weights, float64 and shape (N, C), of which at most K in a row are not zero."""
        found = nearest_of_repeated(queries, keys, self.neighbours, index=self.index)
        found.report(self.index, say)
        scores = found.cosines.astype(np.float64)
        # Subtracted before it is divided, so that no quotient overflows and the nearest key's is 0.
        weights = np.exp((scores - scores[:, :1]) / self.temperature)
        return sparse_rows(found.ids, weights / weights.sum(axis=1, keepdims=True), len(keys))
