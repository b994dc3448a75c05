"""Pairs: which tokens stand near which, counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array

from vocabx.core.arrays import Floats, Ints, Ragged

__all__ = ["Pairs", "count_pairs", "keep_chances", "noise"]

TOKENS_PER_BLOCK = 1 << 20


def count_pairs(rows: Ragged, types: int, window: int) -> csr_array:
    """Count how often two tokens stand at most `window` apart in a line.

    Parameters
    ----------
    rows : Ragged
        Types of the tokens of each line, below `types`; -1 stands for a token that does not count.
    types : int
    window : int

    Returns
    -------
    csr_array of float64, shape (types, types)
        Symmetric; entry (c, o) counts the pairs with c as centre and o as context.
    """
    line = rows.row_of_value
    half = csr_array((types, types), dtype=np.float64)
    for start in range(0, len(rows.values), TOKENS_PER_BLOCK):
        stop = min(start + TOKENS_PER_BLOCK, len(rows.values))
        left, right = [], []
        for distance in range(1, window + 1):
            end = max(start, min(stop, len(rows.values) - distance))
            here, there = slice(start, end), slice(start + distance, end + distance)
            kept = (line[here] == line[there]) & (rows.values[here] >= 0) & (rows.values[there] >= 0)
            left.append(rows.values[here][kept])
            right.append(rows.values[there][kept])
        row, column = np.concatenate(left), np.concatenate(right)
        half = csr_array(half + coo_array((np.ones(len(row)), (row, column)), shape=(types, types)).tocsr())
    return csr_array(half + half.T)


def noise(frequencies: Ints, power: float = 0.75) -> NDArray[np.float64]:
    """Return the distribution that negatives are drawn from: frequencies to the power of 0.75.

    >>> noise(np.array([16, 0, 81])).round(3).tolist()
    [0.229, 0.0, 0.771]
    """
    weights = frequencies.astype(np.float64) ** power * (frequencies > 0)
    return np.asarray(weights / max(weights.sum(), 1e-300))


@dataclass(frozen=True)
class Pairs:
    """Distinct pairs of types with a new token in them, and what a centre's negatives weigh.

    Attributes
    ----------
    centres, contexts : ndarray of int64, shape (P,)
    weights : ndarray of float32, shape (P,)
        How often a pair is expected to occur when frequent centres are subsampled.
    centre_weights : ndarray of float32, shape (types,)
        The sum over all pairs of a centre, those without a new token included: their negatives may be new tokens.

    Notes
    -----
    Counting takes the place of going through the text: the objective is the same sum, and equal pairs cost nothing.
    Subsampling is done in expectation, so nothing is drawn. Only the centre is subsampled, as in the authors' code.
    """

    centres: Ints
    contexts: Ints
    weights: Floats
    centre_weights: Floats

    @classmethod
    def of_counts(cls, counts: csr_array, keep: NDArray[np.float64], new: int) -> Pairs:
        """Weigh counted pairs; types below `new` are new tokens and `keep` (types,) is the chance to stay."""
        weighted = diags_array(keep) @ counts
        totals = np.asarray(weighted.sum(axis=1)).astype(np.float32)
        pairs = weighted.tocoo()
        row, column = (axis.astype(np.int64) for axis in pairs.coords)
        kept = (row < new) | (column < new)
        return cls(row[kept], column[kept], pairs.data[kept].astype(np.float32), totals)

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def total(self) -> float:
        """Weight of all pairs with a new token."""
        return float(self.weights.sum(dtype=np.float64))

    def part(self, chosen: Ints) -> Pairs:
        """Return some pairs, with as much of the centre weights."""
        share = np.float32(len(chosen) / len(self))
        return Pairs(self.centres[chosen], self.contexts[chosen], self.weights[chosen], self.centre_weights * share)


def keep_chances(frequencies: Ints, threshold: float) -> NDArray[np.float64]:
    """Return the chance of each type to stay as a centre: sqrt(threshold / relative frequency), at most 1.

    >>> keep_chances(np.array([99, 1]), 0.01).round(3).tolist(), keep_chances(np.array([99, 1]), 0).tolist()
    ([0.101, 1.0], [1.0, 1.0])
    """
    if threshold <= 0:
        return np.ones(len(frequencies))
    relative = np.maximum(frequencies, 1) / max(int(frequencies.sum()), 1)
    return np.minimum(1.0, np.sqrt(threshold / relative))
