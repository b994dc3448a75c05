"""Weights over few keys of each row, as a sparse matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from vocabx.core.arrays import Ints
from vocabx.core.errors import InputError

__all__ = ["require", "sparse_rows", "stacked"]

Weights = NDArray[np.float64]


def sparse_rows(ids: Ints, weights: Weights, keys: int) -> csr_array:
    """Return weights (B, K) over the keys `ids` (B, K) as a matrix (B, C) with columns in order; zeros are left out."""
    rows, places = np.nonzero(weights)
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(ids)))])
    matrix = csr_array((weights[rows, places], ids[rows, places], starts), shape=(len(ids), keys), dtype=np.float64)
    matrix.sort_indices()
    return matrix


def stacked(blocks: list[csr_array], keys: int) -> csr_array:
    """Put blocks of rows below each other; there may be none."""
    rows = [np.diff(block.indptr).astype(np.int64) for block in blocks]
    starts = np.concatenate([np.zeros(1, np.int64), *rows]).cumsum()
    ids = np.concatenate([np.empty(0, np.int64), *(block.indices for block in blocks)])
    weights = np.concatenate([np.empty(0), *(block.data for block in blocks)])
    return csr_array((weights, ids, starts), shape=(len(starts) - 1, keys))


def require(fits: bool, option: str, value: object, bound: str) -> None:
    """Raise `InputError` unless an option of a solver is what it must be."""
    if not fits:
        raise InputError(f"The option {option} must be {bound}, not {value}.")
