"""Nearest keys where many queries or keys are equal, as tokens are that differ in a space only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vocabx.core.arrays import Floats, Ints
from vocabx.core.neighbours import Neighbours, find_neighbours

__all__ = ["nearest_of_repeated"]

ENTRIES_PER_BLOCK = 1 << 20


def nearest_of_repeated(queries: Floats, keys: Floats, neighbours: int, index: str = "exact") -> Neighbours:
    """Find what `find_neighbours` finds, but search each distinct query among the distinct keys only.

    Half the tokens of a vocabulary are another one after a space, with the same vector, and the search costs the
    product of queries and keys.
    """
    asked, of_query = _distinct(queries)
    stored, of_key = _distinct(keys)
    found = find_neighbours(queries[asked], keys[stored], neighbours, index)
    ids, cosines = found.ids, found.cosines
    if len(stored) < len(keys):
        ids, cosines = _with_copies(ids, cosines, of_key, min(neighbours, len(keys)))
    return replace(found, ids=ids[of_query], cosines=cosines[of_query])


def _distinct(rows: Floats) -> tuple[Ints, Ints]:
    """Return where each distinct row stands first, ascending, and for each row which of those it equals."""
    if not rows.size:
        return np.arange(len(rows)), np.arange(len(rows))
    whole = np.ascontiguousarray(rows).view(np.dtype((np.void, rows.shape[1] * rows.itemsize)))[:, 0]
    _, first, which = np.unique(whole, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.sort(first), rank[which]


def _with_copies(ids: Ints, cosines: Floats, of_key: Ints, count: int) -> tuple[Ints, Floats]:
    """Put in the place of each distinct key all keys that equal it; keep the `count` nearest, of equal ones the lowest.

    K distinct keys stand for at least K keys, and one that is not among them for none that is nearer or comes before.
    """
    copies = np.argsort(of_key, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(of_key))])
    steps = np.arange(min(int(np.diff(starts).max()), count))  # more copies of one key can take no place
    nearest, near = np.empty((len(ids), count), np.int64), np.empty((len(ids), count), np.float32)
    size = max(1, ENTRIES_PER_BLOCK // (ids.shape[1] * len(steps)))
    for start in range(0, len(ids), size):
        block = slice(start, start + size)
        begins, ends = starts[ids[block]][:, :, None], starts[ids[block] + 1][:, :, None]
        places = begins + steps
        keys = copies[np.minimum(places, ends - 1)].reshape(len(places), -1)
        found = np.where(places < ends, cosines[block][:, :, None], -np.inf).reshape(len(places), -1)
        order = np.lexsort((keys, -found))[:, :count]
        nearest[block] = np.take_along_axis(keys, order, axis=1)
        near[block] = np.take_along_axis(found, order, axis=1)
    return nearest, near
