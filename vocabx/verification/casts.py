"""Casts: tensors of another type than the base's are compared with these, cast again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from vocabx.checkpoint.read import StoredTensor
from vocabx.checkpoint.writing.casting import cast
from vocabx.core.arrays import ROWS_PER_BLOCK, Ints, let_go

__all__ = ["is_cast_of", "unlike_cast"]

NUMBERS_PER_ROW = 1 << 12


def unlike_cast(own: StoredTensor, base: StoredTensor, ids: Ints, origins: Ints) -> Iterator[int]:
    """Yield the ids whose row is not, to the bit, the base's row of the same place in `origins` after a cast."""
    ours, theirs = (matrix.reshape(len(matrix), -1) for matrix in (own.map(), base.map()))
    for start in range(0, len(ids), ROWS_PER_BLOCK):
        block = slice(start, start + ROWS_PER_BLOCK)
        made = cast(own.entry.name, theirs[origins[block]], own.entry.dtype)
        differs = made.view(np.uint8) != ours[ids[block]].view(np.uint8)
        yield from ids[block][differs.any(axis=1)].tolist()
        for matrix in (ours, theirs):
            let_go(matrix)


def is_cast_of(own: StoredTensor, base: StoredTensor) -> bool:
    """Whether a tensor of any shape is, to the bit, the base's after a cast."""
    rows = np.arange(_shape(own)[0])
    return not any(True for _ in unlike_cast(_as_rows(own), _as_rows(base), rows, rows))


def _as_rows(tensor: StoredTensor) -> StoredTensor:
    """Give a tensor rows of which a block is small."""
    return replace(tensor, entry=replace(tensor.entry, shape=_shape(tensor)))


def _shape(tensor: StoredTensor) -> tuple[int, int]:
    numbers = math.prod(tensor.entry.shape)
    width = math.gcd(numbers, NUMBERS_PER_ROW)
    return numbers // width, width
