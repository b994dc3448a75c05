"""Array types and the letters that name their axes.

======  =======================================================================
letter  axis
======  =======================================================================
S       source tokens: ids of the base tokenizer (rows of the base matrix)
T       target tokens: ids of the tokenizer that is written
N       new tokens: target tokens that the base does not have
D       dimensions of an embedding row
K       neighbours, or entries kept per row
B       rows of one block while a matrix streams
======  =======================================================================
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vocabx.core.errors import InputError

__all__ = [
    "ROWS_PER_BLOCK",
    "Bools",
    "Floats",
    "Ints",
    "Matrix",
    "Ragged",
    "check_shape",
    "gather",
    "let_go",
    "loading_fault",
    "not_finite",
    "row_blocks",
]

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Matrix = NDArray[Any]
"""Rows in their stored type (bfloat16, float16, float32 ...), often mapped from a file; read it in blocks."""

ROWS_PER_BLOCK = 1024
"""Rows that are held in float32 at a time. Fixed, because sums over blocks must not depend on who asks."""


def check_shape(name: str, array: NDArray[Any], *expected: int | None) -> None:
    """Raise `InputError` unless `array` has the expected shape; None stands for any size.

    >>> check_shape("matrix", np.zeros((100, 32)), None, 32)
    >>> check_shape("matrix", np.zeros((100, 32)), None, 64)
    Traceback (most recent call last):
        ...
    vocabx.core.errors.InputError: matrix: expected shape (any, 64), got (100, 32)
    """
    fits = len(expected) == array.ndim and all(
        want is None or want == have for want, have in zip(expected, array.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if size is None else str(size) for size in expected)
        got = ", ".join(map(str, array.shape))
        raise InputError(f"{name}: expected shape ({wanted}), got ({got})")


def row_blocks(matrix: Matrix, size: int = ROWS_PER_BLOCK) -> Iterator[tuple[int, Floats]]:
    """Yield (first row, block of rows in float32) so that a mapped matrix is never held whole."""
    for start in range(0, len(matrix), size):
        yield start, np.asarray(matrix[start : start + size], dtype=np.float32)


def let_go(matrix: Matrix) -> None:
    """Give the pages of a matrix that is mapped from a file, and cannot be written to, back to the system.

    The file keeps them in its cache, so reading them again is cheap; but a pass over a large file does not fill this
    process's memory with it. Any other matrix is left alone.
    """
    holder: object = matrix
    while isinstance(holder, np.ndarray):
        if holder.flags.writeable:
            return
        holder = holder.base
    if isinstance(holder, mmap.mmap) and hasattr(holder, "madvise"):
        holder.madvise(mmap.MADV_DONTNEED)


def not_finite(matrix: Matrix, ids: Ints) -> Ints:
    """Return those of the ids whose row holds a NaN or an infinity.

    >>> not_finite(np.array([[1.0], [np.nan], [np.inf]]), np.array([0, 2])).tolist()
    [2]
    """
    found = [ids[:0]]
    for start in range(0, len(ids), ROWS_PER_BLOCK):
        block = ids[start : start + ROWS_PER_BLOCK]
        found.append(block[~np.isfinite(np.asarray(matrix[block], np.float32)).all(axis=1)])
    return np.concatenate(found)


def loading_fault(error: Exception) -> str:
    """Say what is wrong with a file of arrays, without numpy's advice to unpickle it all the same."""
    is_pickled = isinstance(error, ValueError) and "pickle" in str(error)
    return "it holds Python objects, which are not opened" if is_pickled else str(error).rstrip(".")


def gather(matrix: Matrix, rows: Ints) -> Matrix:
    """Return a copy of some rows, in their stored type; a mapped matrix is let go on the way."""
    gathered = np.empty((len(rows), *matrix.shape[1:]), matrix.dtype)
    for start in range(0, len(rows), ROWS_PER_BLOCK):
        block = slice(start, start + ROWS_PER_BLOCK)
        gathered[block] = matrix[rows[block]]
        let_go(matrix)
    return gathered


@dataclass(frozen=True, slots=True)
class Ragged:
    """Rows of different lengths: row i is ``values[starts[i]:starts[i + 1]]``.

    >>> ragged = Ragged.from_rows([[3, 1], [], [4]])
    >>> ragged.lengths.tolist(), ragged[0].tolist(), len(ragged)
    ([2, 0, 1], [3, 1], 3)
    """

    values: Ints
    starts: Ints

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[int]]) -> Ragged:
        """Flatten a list of lists."""
        lengths = np.fromiter((len(row) for row in rows), np.int64, len(rows))
        starts = np.concatenate([[0], np.cumsum(lengths)])
        values = np.fromiter(chain.from_iterable(rows), np.int64, int(starts[-1]))
        return cls(values, starts)

    @property
    def lengths(self) -> Ints:
        """Length of every row, shape (rows,)."""
        return np.diff(self.starts)

    @property
    def row_of_value(self) -> Ints:
        """Index of the row that each value belongs to, shape (values,)."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, row: int) -> Ints:
        if row < 0:
            row += len(self)
        return self.values[self.starts[row] : self.starts[row + 1]]
