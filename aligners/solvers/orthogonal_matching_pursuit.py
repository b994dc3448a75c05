"""Orthogonal matching pursuit: one key after the other, each with the best weights for all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from vocabx.aligners.solvers.sparse_rows import require, sparse_rows, stacked
from vocabx.core.arrays import Floats, Ints
from vocabx.core.cosines import unit_rows
from vocabx.core.say import Say, say_nothing

__all__ = ["OrthogonalMatchingPursuit"]

Doubles = NDArray[np.float64]

ROWS_PER_BLOCK = 256

ALMOST = np.float32(1 - 2e-6)
"""A matrix product rounds the same sum differently from place to place; keys as good as the best within this are."""

LEAST_COSINE = 1e-5
"""A key at a smaller cosine to what is left adds nothing that float32 can tell from noise."""


@dataclass(frozen=True)
class OrthogonalMatchingPursuit:
    """Make a query of few keys, by plain least squares over keys that are picked greedily (mergekit; 2506.06607).

    In each round the key that correlates most with what is left of the query is picked, and the weights of all keys
    picked so far become those of least squares. Weights may be negative and need not sum to 1.

    Attributes
    ----------
    atoms : int
        Most source tokens that make a new one, at least 1. More than the dimension, or than there are keys, are
        never used.
    tolerance : float
        A row is done when no more than this part of its vector's length is left.
    by_angle : bool
        Compare by direction; off, by products, where long rows come first. By direction a query that points as a key
        does takes that key alone; mergekit compares by products.

    Notes
    -----
    What is left never grows with `atoms`, and is next to nothing once the keys picked span the space. A row ends early
    where no key correlates with what is left, so keys that depend on each other do no harm. Of keys that correlate
    equally the first is picked. With n keys picked, in blocks of B queries, B x n x d numbers are held.
    """

    atoms: int = 64
    tolerance: float = 1e-6
    by_angle: bool = True

    def __post_init__(self) -> None:
        require(self.atoms >= 1, "atoms", self.atoms, "at least 1")
        require(self.tolerance >= 0, "tolerance", self.tolerance, "0 or more")

    def weigh(self, queries: Floats, keys: Floats, say: Say = say_nothing) -> csr_array:
        """Return weights, float64 and shape (N, C), of which at most `atoms` in a row are not zero."""
        compared = unit_rows(keys) if self.by_angle else keys
        atoms = min(self.atoms, *keys.shape)
        blocks = []
        for start in range(0, len(queries), ROWS_PER_BLOCK):
            pursuit = _Pursuit.of(queries[start : start + ROWS_PER_BLOCK], atoms)
            pursuit.run(compared, keys, self.tolerance)
            blocks.append(sparse_rows(pursuit.picked, pursuit.weights(), len(keys)))
        return stacked(blocks, len(keys))


@dataclass
class _Pursuit:
    """A block of queries: keys picked, an orthonormal basis of them, and what is left of each query.

    Picked keys are `basis` times `triangle`, so least squares need no Gram matrix, whose condition is squared.
    """

    rest: Doubles  # (B, d)
    picked: Ints  # (B, K); 0 beyond `used`
    used: Ints  # (B,)
    basis: Doubles  # (B, K, d)
    triangle: Doubles  # (B, K, K), upper; the identity beyond `used`
    along: Doubles  # (B, K): the query along the basis

    @classmethod
    def of(cls, queries: Floats, atoms: int) -> _Pursuit:
        rows, dimensions = queries.shape
        return cls(
            rest=queries.astype(np.float64),
            picked=np.zeros((rows, atoms), np.int64),
            used=np.zeros(rows, np.int64),
            basis=np.zeros((rows, atoms, dimensions)),
            triangle=np.tile(np.eye(atoms), (rows, 1, 1)),
            along=np.zeros((rows, atoms)),
        )

    def run(self, compared: Floats, keys: Floats, tolerance: float) -> None:
        """Pick keys for every row until it is done; rows that go on have all as many keys."""
        active = np.arange(len(self.rest))
        enough = tolerance * np.linalg.norm(self.rest, axis=1)
        scores = np.empty((len(active), len(keys)), np.float32)
        for place in range(self.picked.shape[1]):
            left = np.linalg.norm(self.rest[active], axis=1)
            active, left = active[left > enough[active]], left[left > enough[active]]
            if not len(active):
                return
            rest = (self.rest[active] / left[:, None]).astype(np.float32)
            held = np.matmul(rest, compared.T, out=scores[: len(active)])
            np.abs(held, out=held)
            np.put_along_axis(held, self.picked[active, :place], -1, axis=1)
            best = (held >= held.max(axis=1, keepdims=True) * ALMOST).argmax(axis=1)
            vectors = keys[best].astype(np.float64)
            along = np.abs((self.rest[active] * vectors).sum(axis=1))
            goes_on = along > LEAST_COSINE * left * np.linalg.norm(vectors, axis=1)
            active = active[goes_on]
            self._pick(active, place, best[goes_on], vectors[goes_on])

    def _pick(self, rows: Ints, place: int, keys: Ints, vectors: Doubles) -> None:
        every = slice(None) if len(rows) == len(self.rest) else rows  # a view, where nothing is left out
        basis, fresh = self.basis[every, :place], vectors
        for _ in range(2):  # once more, for what rounding leaves of the first time
            shares = np.matmul(basis, fresh[:, :, None])
            fresh -= np.matmul(shares.transpose(0, 2, 1), basis)[:, 0]
            self.triangle[rows, :place, place] += shares[:, :, 0]
        lengths = np.linalg.norm(fresh, axis=1)
        fresh /= lengths[:, None]
        along = (self.rest[rows] * fresh).sum(axis=1)
        self.rest[rows] -= along[:, None] * fresh
        self.basis[rows, place], self.triangle[rows, place, place] = fresh, lengths
        self.picked[rows, place], self.along[rows, place] = keys, along
        self.used[rows] = place + 1

    def weights(self) -> Doubles:
        """Return the weights of the keys picked, shape (B, K)."""
        weights = np.linalg.solve(self.triangle, self.along[:, :, None])[:, :, 0]
        return np.where(np.arange(weights.shape[1]) < self.used[:, None], weights, 0.0)
