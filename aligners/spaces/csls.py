"""Neighbours between two sets of vectors, corrected for vectors that are near to everything (CSLS)."""

from __future__ import annotations

import numpy as np

from vocabx.core.arrays import Floats, Ints
from vocabx.core.cosines import cosine_blocks, largest, unit_rows
from vocabx.core.neighbours import nearest_by_cosine

__all__ = ["crowding", "mutual_neighbours", "nearest_by_csls"]

AROUND = 10
"""Neighbours whose mean cosine says how crowded a place is; the number of the paper."""


def crowding(vectors: Floats, others: Floats) -> Floats:
    """Return the mean cosine of each vector to the ten nearest of the others, shape (vectors,)."""
    _, cosines = nearest_by_cosine(vectors, others, AROUND)
    return np.asarray(cosines.mean(axis=1), np.float32)


def nearest_by_csls(queries: Floats, keys: Floats, crowded: Floats, neighbours: int) -> tuple[Ints, Floats]:
    """Find the keys that are near to a query and not to everything.

    The score is ``2 cos(query, key) - crowded[key]``, cross-domain similarity local scaling (Conneau et al. 2018,
    1710.04087) without the term that is the same for all keys of a query.

    Parameters
    ----------
    queries : ndarray of shape (N, D)
    keys : ndarray of shape (C, D)
    crowded : ndarray of shape (C,)
        The `crowding` of every key among all vectors of the queries' kind.
    neighbours : int
        K; fewer are returned when there are fewer keys.

    Returns
    -------
    ids : ndarray of int64, shape (N, K)
        Rows of `keys`, best first; of equal ones the first.
    scores : ndarray of float32, shape (N, K)
    """
    kept = min(neighbours, len(keys))
    ids, scores = np.empty((len(queries), kept), np.int64), np.empty((len(queries), kept), np.float32)
    for start, cosines in cosine_blocks(unit_rows(queries), unit_rows(keys)):
        rows = slice(start, start + len(cosines))
        ids[rows], scores[rows] = largest(2 * cosines - crowded, kept)
    return ids, scores


def mutual_neighbours(left: Floats, right: Floats) -> tuple[Ints, Ints]:
    """Return the pairs of rows that are each other's nearest by CSLS, as rows of either side."""
    if not len(left) or not len(right):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    crowded_left, crowded_right = crowding(left, right), crowding(right, left)
    forth, back = np.empty(len(left), np.int64), np.zeros(len(right), np.int64)
    best = np.full(len(right), -np.inf, np.float32)
    for start, cosines in cosine_blocks(unit_rows(left), unit_rows(right)):
        rows = slice(start, start + len(cosines))
        forth[rows] = (2 * cosines - crowded_right).argmax(axis=1)
        scores = 2 * cosines - crowded_left[rows, None]
        nearest = scores.argmax(axis=0)
        score = scores[nearest, np.arange(len(right))]
        back = np.where(score > best, start + nearest, back)
        best = np.maximum(score, best)
    mutual = np.flatnonzero(back[forth] == np.arange(len(left)))
    return mutual, forth[mutual]
