"""Cast numbers from one floating-point type to another, as torch does, a block at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from vocabx.checkpoint.safetensors_file import BITS, ROW_TYPES
from vocabx.checkpoint.writing.copying import write_bytes_at
from vocabx.core.arrays import Matrix
from vocabx.core.errors import CheckpointError
from vocabx.core.threads import map_in_order

__all__ = ["cast", "cast_in_steps", "is_exact"]

NUMBERS_AT_ONCE = 2**20
EXACT = {
    "F8_E4M3": ("F16", "BF16", "F32"),
    "F8_E5M2": ("F16", "BF16", "F32"),
    "F16": ("F32",),
    "BF16": ("F32",),
}
"""Types that hold every number of another."""


def is_exact(before: str, after: str) -> bool:
    """Whether a cast between two types changes no number."""
    return before == after or after in EXACT.get(before, ())


def cast(name: str, numbers: Matrix, dtype: str) -> Matrix:
    """Cast to a type of safetensors files, to the bit as ``torch.Tensor.to`` does; NaN stays NaN, in some spelling.

    Raises
    ------
    CheckpointError
        When a finite number of the tensor `name` becomes infinite.
    """
    with np.errstate(all="ignore"):
        # In two steps, as torch does: straight from float64, other numbers would come out where two roundings differ.
        result = numbers.astype(np.float32, copy=False).astype(ROW_TYPES[dtype], copy=False)
        infinite = np.isinf(result)
    if infinite.any() and np.isfinite(numbers[infinite]).any():
        largest = np.abs(numbers[infinite & np.isfinite(numbers)].astype(np.float64)).max()
        raise CheckpointError(
            f"{name} holds numbers up to {largest:g}, which {dtype} cannot. Choose another --dtype (dtype=), or leave "
            "it out."
        )
    return result


def cast_in_steps(
    name: str, source: int, sink: int, begin: int, end: int, at: int, before: str, after: str
) -> Iterator[int]:
    """Cast the bytes `begin` to `end` of one open file into another, from byte `at` on, and yield the bytes written."""
    width, new_width = BITS[before] // 8, BITS[after] // 8

    def step(start: int) -> int:
        numbers = np.frombuffer(_read(source, min(NUMBERS_AT_ONCE * width, end - start), start), ROW_TYPES[before])
        data = cast(name, numbers, after).view(np.uint8).data
        write_bytes_at(sink, data, at + (start - begin) // width * new_width)
        return len(data)

    yield from map_in_order(step, range(begin, end, NUMBERS_AT_ONCE * width))


def _read(source: int, size: int, offset: int) -> bytearray:
    data = bytearray(size)
    done = 0
    while done < size:
        count = os.preadv(source, [memoryview(data)[done:]], offset + done)
        if count == 0:
            raise CheckpointError(
                "A weight file became shorter while it was read. Nothing else may write to the model."
            )
        done += count
    return data
