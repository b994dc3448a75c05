"""Cosines of many rows with many rows, in blocks, and the largest of each row."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vocabx.core.arrays import Floats, Ints, Matrix, row_blocks
from vocabx.core.errors import InputError

__all__ = ["cosine_blocks", "first_of_each_row", "largest", "reaching", "unit_rows"]

ENTRIES_PER_BLOCK = 1 << 24
LEAST_ROWS_PER_BLOCK = 128
"""Fewer rows would make a matrix product that waits for memory."""

GROUPS = 512
"""At least so many groups of columns, whose maxima bound the largest entries from below."""


def unit_rows(rows: Matrix) -> Floats:
    """Return the rows in float32 and with length 1, shape (S, D); a zero row stays zero.

    Raises
    ------
    InputError
        If a row has an entry that is infinite or not a number.

    Examples
    --------
    >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    units = np.empty(rows.shape, np.float32)
    for start, block in row_blocks(rows):
        norms = np.linalg.norm(block, axis=1, keepdims=True)
        if not np.isfinite(norms).all():
            row = start + int(np.flatnonzero(~np.isfinite(norms[:, 0]))[0])
            raise InputError(f"Row {row} of the vectors is infinite or not a number, so it has no direction.")
        np.divide(block, norms, out=units[start : start + len(block)], where=norms > 0)
        units[start : start + len(block)][norms[:, 0] == 0] = 0
    return units


def cosine_blocks(queries: Floats, keys: Floats) -> Iterator[tuple[int, Floats]]:
    """Yield (first row, cosines with all keys), so that N x S of them are never held.

    Parameters
    ----------
    queries : ndarray of float32, shape (N, D)
        Unit rows, as the keys are; with rows of any length the products are not cosines.
    keys : ndarray of float32, shape (S, D)

    Yields
    ------
    start : int
    cosines : ndarray of float32, shape (B, S)
        It may be changed, and is overwritten by the next one.
    """
    size = max(LEAST_ROWS_PER_BLOCK, ENTRIES_PER_BLOCK // max(1, len(keys)))
    held = np.empty((min(size, len(queries)), len(keys)), np.float32)
    for start in range(0, len(queries), size):
        block = queries[start : start + size]
        yield start, np.matmul(block, keys.T, out=held[: len(block)])


def largest(values: Floats, count: int) -> tuple[Ints, Floats]:
    """Find the largest entries of each row, the first of equal ones first.

    Parameters
    ----------
    values : ndarray of shape (B, S)
        Without NaN.
    count : int
        K; fewer are returned when a row is shorter.

    Returns
    -------
    ids : ndarray of int64, shape (B, K)
        Columns, largest entry first; of equal entries the lowest column first, at the cut too.
    entries : ndarray of float32, shape (B, K)

    Examples
    --------
    >>> largest(np.array([[2, 3, 1, 2, 2]], np.float32), 3)[0].tolist()
    [[1, 0, 3]]
    """
    rows, columns = reaching(values, count)
    return first_of_each_row(rows, columns, values[rows, columns], len(values), min(count, values.shape[1]))


def reaching(values: Floats, count: int, margin: float = 0.0) -> tuple[Ints, Ints]:
    """Return (rows, columns) of the `count` largest of each row, of all within a margin of those, and of few more."""
    if not min(count, values.shape[1]):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    floor = _lower_bound(values, min(count, values.shape[1])) - np.float32(margin)
    return np.divmod(np.flatnonzero(values >= floor[:, None]), values.shape[1])


def first_of_each_row(rows: Ints, columns: Ints, found: Floats, height: int, count: int) -> tuple[Ints, Floats]:
    """Sort entries of each row, which are `count` or more, as `largest` does, and take the first `count`."""
    order = np.lexsort((columns, -found, rows))
    starts = np.searchsorted(rows, np.arange(height))
    taken = order[starts[:, None] + np.arange(count)]
    return columns[taken], found[taken]


def _lower_bound(values: Floats, count: int) -> Floats:
    """Return, for each row, a number that at least `count` entries reach, and few more do where that can be cheap.

    The K-th largest of the maxima of disjoint groups is such a number, and costs one pass where a partition costs many.
    """
    groups = max(GROUPS, 8 * count)
    whole = values.shape[1] // groups * groups
    maxima = values[:, :whole].reshape(len(values), whole // groups, groups).max(axis=1) if whole > groups else values
    place = maxima.shape[1] - count
    return np.asarray(np.partition(maxima, place, axis=1)[:, place])
