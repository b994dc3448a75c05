"""Barycentric weights: least squares over the nearest keys, with weights that sum to 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from vocabx.aligners.solvers.sparse_rows import require, sparse_rows, stacked
from vocabx.core.arrays import Bools, Floats, Ints
from vocabx.core.cosines import unit_rows
from vocabx.core.neighbours import check_index, find_neighbours
from vocabx.core.say import Say, say_nothing

__all__ = ["Barycentric"]

Doubles = NDArray[np.float64]

ROWS_PER_BLOCK = 1024

LEAST_REGULARIZATION = 1e-10
"""What keeps the equations solvable where neighbours are equal, or lie on one line."""

SAME_GRADIENT = 1e-12
ROUNDS_PER_NEIGHBOUR = 10


@dataclass(frozen=True)
class Barycentric:
    """Make the direction of a query of the directions of its K nearest keys, by weights that sum to 1.

    As in locally linear embedding (Roweis and Saul 2000), w minimises ``|q - sum w_i k_i|^2 + r |w|^2`` where r is
    `regularization` times the mean squared distance of the keys from the query. All vectors are taken at length 1.

    Attributes
    ----------
    neighbours : int
        How many nearest source tokens, K, make a new one.
    regularization : float
        The larger, the more even the weights; 0 or more.
    non_negative : bool
        Allow no negative weights, so that rows are convex. Solved exactly. Off: the affine least squares of
        mergekit-tokensurgeon's kind, whose weights may be large and of both signs.
    index : str
        How neighbours are searched: ``exact``, ``ivf``, ``hnsw`` or ``auto``. See `find_neighbours`.
    """

    neighbours: int = 10
    regularization: float = 1e-3
    non_negative: bool = True
    index: str = "exact"

    def __post_init__(self) -> None:
        require(self.neighbours >= 1, "neighbours", self.neighbours, "at least 1")
        require(self.regularization >= 0, "regularization", self.regularization, "0 or more")
        check_index(self.index)

    def weigh(self, queries: Floats, keys: Floats, say: Say = say_nothing) -> csr_array:
        """Return weights, float64 and shape (N, C), of rows that sum to 1."""
        asked, stored = unit_rows(queries), unit_rows(keys)
        found = find_neighbours(asked, stored, self.neighbours, index=self.index)
        found.report(self.index, say)
        ids = found.ids
        blocks = []
        for start in range(0, len(ids), ROWS_PER_BLOCK):
            near, query = ids[start : start + ROWS_PER_BLOCK], asked[start : start + ROWS_PER_BLOCK]
            gram = self._gram(query, stored[near])
            weights = _on_simplex(gram) if self.non_negative else _affine(gram, np.ones(near.shape, np.bool_))
            blocks.append(sparse_rows(near, weights, len(keys)))
        return stacked(blocks, len(keys))

    def _gram(self, queries: Floats, near: Floats) -> Doubles:
        """Return products of the K differences to the query, with the regularization on the diagonal, shape (B, K, K).

        Weights w that sum to 1 miss the query by the root of w'Gw.
        """
        offsets = near.astype(np.float64) - queries[:, None]
        gram = offsets @ offsets.transpose(0, 2, 1)
        size = np.maximum(np.trace(gram, axis1=1, axis2=2) / gram.shape[1], LEAST_REGULARIZATION)
        ridge = max(self.regularization, LEAST_REGULARIZATION) * size
        return np.asarray(gram + ridge[:, None, None] * np.eye(gram.shape[1]))


def _affine(gram: Doubles, free: Bools) -> Doubles:
    """Minimise w'Gw over weights that sum to 1 and are 0 where they are not free."""
    both = free[:, :, None] & free[:, None, :]
    system = np.where(both, gram, np.eye(gram.shape[1]))
    weights = np.linalg.solve(system, free.astype(np.float64)[:, :, None])[:, :, 0]
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _on_simplex(gram: Doubles) -> Doubles:
    """Minimise w'Gw over the simplex by active sets, all rows in step.

    Each row begins at its nearest key. Where the minimum over the free keys has no negative weight, it is taken, and
    the key that would lower it most becomes free; where it has one, the row goes towards it until a weight is 0, which
    is free no more. A row is done when no key would lower it.
    """
    rows, keys = gram.shape[:2]
    weights, free = np.zeros((rows, keys)), np.zeros((rows, keys), np.bool_)
    weights[:, 0], free[:, 0] = 1, True
    active = np.arange(rows)
    for _ in range(ROUNDS_PER_NEIGHBOUR * keys):
        if not len(active):
            break
        best = _affine(gram[active], free[active])
        inside = (best >= 0).all(axis=1)
        outer = active[~inside]
        weights[outer], free[outer] = _step(weights[outer], best[~inside], free[outer])
        inner = active[inside]
        weights[inner] = best[inside]
        entering, lowers = _entering(gram[inner], weights[inner], free[inner])
        free[inner[lowers], entering[lowers]] = True
        active = np.sort(np.concatenate([outer, inner[lowers]]))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _step(weights: Doubles, best: Doubles, free: Bools) -> tuple[Doubles, Bools]:
    """Go from weights towards the best ones until the first becomes 0."""
    falling = best < 0
    shares = np.divide(weights, weights - best, out=np.full_like(weights, np.inf), where=falling)
    share = shares.min(axis=1, keepdims=True)
    stays = free & ~(falling & (shares <= share))
    return np.where(stays, np.maximum(weights + share * (best - weights), 0), 0.0), stays


def _entering(gram: Doubles, weights: Doubles, free: Bools) -> tuple[Ints, Bools]:
    """Return the key outside whose weight would lower w'Gw most, and whether it would."""
    gradient = (gram @ weights[:, :, None])[:, :, 0]
    height = (weights * gradient).sum(axis=1)
    gains = np.where(free, -np.inf, height[:, None] - gradient)
    key = gains.argmax(axis=1)
    return key, gains.max(axis=1) > SAME_GRADIENT * np.trace(gram, axis1=1, axis2=2)
