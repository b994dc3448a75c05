"""Skip-gram with negative sampling: the loss and its gradient with respect to the rows of new tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.sparse import coo_array, csr_array

from vocabx.aligners.convex_word2vec.pairs import Pairs
from vocabx.core.arrays import Bools, Floats, Ints

__all__ = ["LOSSES", "Gradient", "Rows", "skip_gram"]

LOSSES: Mapping[str, bool] = MappingProxyType({"sgns": False, "paper": True})
"""Name → whether the scores of a pair's negatives are summed before the log-sigmoid, as in the authors' code."""

PAIRS_AT_ONCE = 4096
CENTRES_AT_ONCE = 4096
"""Few, so that what is worked on stays in the processor's cache."""


@dataclass(frozen=True)
class Rows:
    """What types score by: ``score(c, o) = centres[c] @ contexts[o] + offset``; new tokens come first."""

    centres: Floats
    contexts: Floats
    offset: float
    new: int


@dataclass(frozen=True)
class Gradient:
    """The loss, summed over pairs, and its gradient for the new tokens' rows as centres and as contexts."""

    loss: float
    centres: Floats
    contexts: Floats


def skip_gram(rows: Rows, pairs: Pairs, negatives: Ints, loss: str = "sgns") -> Gradient:
    """Compute the loss of weighted pairs, as far as new tokens have a part in it.

    Parameters
    ----------
    rows : Rows
    pairs : Pairs
    negatives : ndarray of int64, shape (G, k)
        G draws of k negative types, shared by all pairs: each pair pays their mean, which is as much as k negatives
        of its own cost on average.
    loss : str
        ``sgns``: ``softplus(-s+)`` plus the sum over k negatives of ``softplus(s-)``. ``paper``: ``softplus(-s+)``
        plus ``softplus(sum of s-)``.
    """
    centres = np.zeros((rows.new, rows.centres.shape[1]), np.float32)
    contexts = np.zeros((rows.new, rows.contexts.shape[1]), np.float32)
    total = _attract(rows, pairs, centres, contexts)
    total += _repel(rows, pairs.centre_weights, negatives, LOSSES[loss], centres, contexts)
    return Gradient(total, centres, contexts)


def _softplus(scores: Floats) -> tuple[Floats, Floats]:
    """Return log(1 + exp(s)) and its derivative."""
    small = np.exp(-np.abs(scores))
    inverse = 1 / (1 + small)
    return np.maximum(scores, 0) + np.log1p(small), np.where(scores >= 0, inverse, small * inverse)


def _attract(rows: Rows, pairs: Pairs, centres: Floats, contexts: Floats) -> float:
    """Add the gradient of the pairs that occur, and return their loss."""
    scores = np.empty(len(pairs), np.float32)
    for start in range(0, len(pairs), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        here, there = rows.centres[pairs.centres[part]], rows.contexts[pairs.contexts[part]]
        np.einsum("ij,ij->i", here, there, out=scores[part])
    values, slopes = _softplus(-(scores + np.float32(rows.offset)))
    data = -pairs.weights * slopes
    by_centre = pairs.centres < rows.new
    shape = (rows.new, len(rows.contexts))
    centres += _sparse(data, pairs.centres, pairs.contexts, by_centre, shape) @ rows.contexts
    by_context = pairs.contexts < rows.new
    contexts += _sparse(data, pairs.contexts, pairs.centres, by_context, shape) @ rows.centres
    return float(np.dot(pairs.weights, values))


def _sparse(data: Floats, row: Ints, column: Ints, kept: Bools, shape: tuple[int, int]) -> csr_array:
    return coo_array((data[kept], (row[kept], column[kept])), shape=shape).tocsr()


def _repel(rows: Rows, weights: Floats, negatives: Ints, is_summed: bool, centres: Floats, contexts: Floats) -> float:
    """Add the gradient of the negatives, and return their loss."""
    draws = len(negatives)
    groups = negatives if is_summed else negatives.reshape(-1, 1)
    size = groups.shape[1]
    members = csr_array(
        (np.ones(groups.size, np.float32), groups.ravel(), np.arange(0, groups.size + 1, size)),
        shape=(len(groups), len(rows.contexts)),
    )
    summed = np.asarray(members @ rows.contexts)
    is_new = np.asarray((groups < rows.new).any(axis=1))
    gradient = np.zeros_like(summed)
    total = 0.0
    for part, chosen in _blocks(rows, is_new):
        if not len(chosen):
            continue
        here = rows.centres[part]
        values, slopes = _softplus(here @ summed[chosen].T + np.float32(rows.offset * size))
        share = (weights[part] / np.float32(draws))[:, None]
        slopes *= share
        total += float(share[:, 0] @ values.sum(axis=1))
        gradient[chosen] += slopes.T @ here
        if part.start < rows.new:
            centres[part] += slopes @ summed[chosen]
    contexts += (members.T @ gradient)[: rows.new]
    return total


def _blocks(rows: Rows, is_new: Bools) -> Iterator[tuple[slice, Ints]]:
    """Yield blocks of centres with the groups whose scores depend on new tokens: all for new centres."""
    for start in range(0, rows.new, CENTRES_AT_ONCE):
        yield slice(start, min(start + CENTRES_AT_ONCE, rows.new)), np.arange(len(is_new))
    for start in range(rows.new, len(rows.centres), CENTRES_AT_ONCE):
        yield slice(start, min(start + CENTRES_AT_ONCE, len(rows.centres))), np.flatnonzero(is_new)
