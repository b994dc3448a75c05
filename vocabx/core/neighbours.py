"""Nearest rows by cosine, exactly, with FAISS."""

from __future__ import annotations

import numpy as np

from vocabx.core.arrays import Floats, Ints, Matrix, row_blocks

__all__ = ["nearest_by_cosine"]


def _unit(rows: Floats) -> Floats:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.ascontiguousarray(np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0))


def nearest_by_cosine(queries: Floats, keys: Matrix, neighbours: int) -> tuple[Ints, Floats]:
    """Find the keys that point the same way.

    Parameters
    ----------
    queries : ndarray of shape (N, D)
    keys : ndarray of shape (S, D)
        In any float type, read in blocks. A zero row is at cosine 0 to everything.
    neighbours : int
        K; fewer are returned when there are fewer keys.

    Returns
    -------
    ids : ndarray of int64, shape (N, K)
        Rows of `keys`, nearest first.
    cosines : ndarray of float32, shape (N, K)
    """
    import faiss

    index = faiss.IndexFlatIP(keys.shape[1])
    for _, block in row_blocks(keys):
        index.add(_unit(block))
    cosines, ids = index.search(_unit(np.asarray(queries, np.float32)), min(neighbours, len(keys)))
    return ids, cosines
