"""Counts of what new tokens were seen with, as weights."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from vocabx.core.arrays import Ints

__all__ = ["keep_heaviest", "normalise_rows", "ranks"]


def ranks(groups: Ints, values: np.ndarray[tuple[int, ...], np.dtype[np.number]]) -> Ints:
    """Return the rank of each value within its group, the largest 0; of equal values the first comes first.

    `groups` must be sorted.

    >>> ranks(np.array([0, 0, 0, 2, 2]), np.array([1, 5, 5, 3, 4])).tolist()
    [2, 0, 1, 1, 0]
    """
    order = np.lexsort((np.arange(len(groups)), -values, groups))
    places = np.empty_like(order)
    places[order] = np.arange(len(order)) - np.searchsorted(groups, groups)
    return places


def keep_heaviest(weights: csr_array, keep: int) -> csr_array:
    """Return the `keep` heaviest entries of every row; of equal ones the lowest columns. 0 keeps all."""
    tidy = csr_array(weights, copy=True)
    tidy.sum_duplicates()
    tidy.eliminate_zeros()
    if keep <= 0:
        return tidy
    rows = np.repeat(np.arange(tidy.shape[0]), np.diff(tidy.indptr))
    tidy.data[ranks(rows, tidy.data) >= keep] = 0
    tidy.eliminate_zeros()
    return tidy


def normalise_rows(weights: csr_array) -> csr_array:
    """Return rows that sum to 1; rows without weights stay empty."""
    totals = weights.sum(axis=1)
    scale = np.divide(1.0, totals, out=np.zeros_like(totals, np.float64), where=totals > 0)
    data = weights.data * np.repeat(scale, np.diff(weights.indptr))
    return csr_array((data, weights.indices, weights.indptr), shape=weights.shape)
