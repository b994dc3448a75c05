"""One tensor with a row per token, on its way to another number of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vocabx.checkpoint.read import Checkpoint, StoredTensor
from vocabx.checkpoint.safetensors_file import ROW_TYPES, TensorEntry
from vocabx.checkpoint.writing.casting import cast
from vocabx.checkpoint.writing.recoding import RowMap
from vocabx.core.arrays import ROWS_PER_BLOCK, Floats, Ints, Matrix
from vocabx.core.errors import CheckpointError, InputError
from vocabx.core.initialization import Initialization, RowRule
from vocabx.core.plan import NEW, Plan, Run

__all__ = ["Resize", "check_plan", "plan_resizes"]


ROWS_AT_ONCE = 256
"""Rows that are put together before they are written."""
LONG_RUN = ROWS_PER_BLOCK
"""Kept rows that lie together in both matrices and are worth a call of the kernel of their own."""


@dataclass(frozen=True)
class Resize:
    """What becomes of one tensor: rows of `source` that are kept, rows made from them by `rule`, and padding.

    `source` is the tensor itself, or the input embedding for a head that duplicates it. With `row_map`, all of these
    rows are written as the map gives them, and none is copied. With `dtype`, they are written in that type of
    safetensors files: kept rows are cast, and new ones, which are made in float32, are rounded to it and to no other.
    With `is_one_row`, a bias is written as a single row, whose bytes are those of a column.
    """

    name: str
    source: StoredTensor
    plan: Plan
    rule: RowRule
    padding: RowRule | None
    row_map: RowMap | None = None
    dtype: str | None = None
    is_one_row: bool = False

    @property
    def stored_type(self) -> str:
        """The type that it is written in."""
        return self.dtype or self.source.entry.dtype

    @property
    def is_cast(self) -> bool:
        """Whether that is another one than it was read in."""
        return self.stored_type != self.source.entry.dtype

    @property
    def row_size(self) -> int:
        """Number of bytes of a resized row."""
        return self.entry_at(0).size // self.plan.rows_after

    @property
    def size(self) -> int:
        """Number of bytes of the resized tensor."""
        return self.plan.rows_after * self.row_size

    @property
    def long_runs(self) -> list[Run]:
        """Stretches of kept rows to be copied, or cast, from file to file."""
        return [] if self.row_map else [run for run in self.plan.runs if run.size >= LONG_RUN]

    def entry_at(self, begin: int) -> TensorEntry:
        """Return the header entry of the resized tensor, its bytes starting at `begin`."""
        source = self.source.entry
        width = (self.row_map.columns,) if self.row_map else source.shape[1:]
        shape = (self.plan.rows_after, *width)
        resized = replace(source, name=self.name, dtype=self.stored_type, shape=shape, begin=begin)
        resized = replace(resized, end=begin + self.plan.rows_after * resized.row_size)
        return replace(resized, shape=(1, *shape)) if self.is_one_row else resized

    def other_rows(self) -> Iterator[tuple[int, Matrix]]:
        """Yield what lies between the long runs, as (first row, block of shape (B, D) and the type to write).

        A bias has D = 1. Made rows are made in order, and scattered kept rows are gathered beside them.
        """
        source = self.source.map()
        source = source.reshape(len(source), -1)[: self.plan.tokens_before]
        made = _Rows(self._made_rows(source))
        for start, stop in _between(self.long_runs, self.plan.tokens):
            for first in range(start, stop, ROWS_AT_ONCE):
                yield first, self._block(source, self.plan.origins[first : min(first + ROWS_AT_ONCE, stop)], made)
        if self.plan.new and (surplus := made.count_rest()):
            raise self._wrong_number(self.plan.new + surplus)
        yield from self._padding_rows(source)

    def _block(self, source: Matrix, origins: Ints, made: _Rows) -> Matrix:
        width = self.row_map.columns if self.row_map else source.shape[1]
        block = np.empty((len(origins), width), ROW_TYPES[self.stored_type])
        is_new = origins == NEW
        if self.row_map:
            block[~is_new] = self._mapped(source[origins[~is_new]], self.row_map)
        elif self.is_cast:
            block[~is_new] = cast(self.name, source[origins[~is_new]], self.stored_type)
        else:
            # As bytes, so that no type, not even one with several zeros or NaNs, changes a bit.
            block.view(np.uint8)[~is_new] = source.view(np.uint8)[origins[~is_new]]
        rows = made.take(int(is_new.sum()))
        if sum(map(len, rows)) < is_new.sum():
            raise self._wrong_number(made.taken)
        if rows:
            block[is_new] = np.concatenate(rows)
        return block

    def _mapped(self, rows: Matrix, row_map: RowMap) -> Matrix:
        """Map kept rows; one that was not finite is NaN, so that it stays as visibly broken as it was."""
        mapped = row_map(np.asarray(rows, np.float32))
        mapped[~np.isfinite(rows.astype(np.float32)).all(axis=1)] = np.nan
        with np.errstate(over="ignore"):
            stored = mapped.astype(ROW_TYPES[self.stored_type])
        if np.isinf(stored).any():
            raise CheckpointError(
                f"A row of {self.name} is not finite when factorised and stored as {self.stored_type}. Choose a wider "
                "type with --dtype (dtype=)."
            )
        return stored

    def _made_rows(self, source: Matrix) -> Iterator[Matrix]:
        return (self._stored(block, source) for block in (self.rule.blocks(source) if self.plan.new else ()))

    def _wrong_number(self, made: int) -> InputError:
        return InputError(f"{self.name}: the method made {made} new rows, and the plan needs {self.plan.new}.")

    def _padding_rows(self, source: Matrix) -> Iterator[tuple[int, Matrix]]:
        padding = self.plan.padding
        if self.padding is None or not padding:
            return
        row = np.concatenate(list(self.padding.blocks(source)))
        if len(row) != 1:
            raise InputError(f"{self.name}: padding needs a rule of one row, not {len(row)}.")
        block = np.repeat(self._stored(row, source), min(ROWS_AT_ONCE, len(padding)), axis=0)
        for first in padding[:: len(block)]:
            yield first, block[: padding.stop - first]

    def _stored(self, block: Floats, source: Matrix) -> Matrix:
        if block.shape[1:] != source.shape[1:]:
            raise InputError(f"{self.name}: expected new rows of shape (B, {source.shape[1]}), got {block.shape}.")
        with np.errstate(over="ignore"):
            made = self.row_map(block) if self.row_map else block
            stored = np.ascontiguousarray(made, dtype=ROW_TYPES[self.stored_type])
        if not np.isfinite(stored).all():
            if not np.isfinite(block).all():
                raise CheckpointError(
                    f"Rows of {self.name} are not finite (NaN or infinite), and a row would be made of them. Download "
                    "the base again, or mend these rows first."
                )
            raise CheckpointError(
                f"A new row of {self.name} is not finite when stored as {self.stored_type} (the largest value "
                f"is {np.abs(block).max():g}). Use another method, or a wider type with --dtype (dtype=)."
            )
        return stored


class _Rows:
    """Rows that come in blocks, taken in other numbers."""

    def __init__(self, blocks: Iterator[Matrix]) -> None:
        self._blocks = blocks
        self._rest: Matrix | None = None
        self.taken = 0

    def take(self, count: int) -> list[Matrix]:
        """Return the next rows, fewer where there are no more."""
        parts = list[Matrix]()
        while count:
            block = self._rest if self._rest is not None else next(self._blocks, None)
            if block is None:
                break
            parts.append(block[:count])
            self._rest = block[count:] if len(block) > count else None
            self.taken += len(parts[-1])
            count -= len(parts[-1])
        return parts

    def count_rest(self) -> int:
        """Use up the blocks and count their rows."""
        return (0 if self._rest is None else len(self._rest)) + sum(map(len, self._blocks))


def _between(runs: Sequence[Run], end: int) -> Iterator[tuple[int, int]]:
    """Yield the borders of what the runs leave out, up to `end`."""
    start = 0
    for run in runs:
        yield start, run.first
        start = run.first + run.size
    yield start, end


def check_plan(checkpoint: Checkpoint, plan: Plan, padding: RowRule | None) -> None:
    """Raise `InputError` unless the plan fits the checkpoint."""
    if plan.rows_before != checkpoint.rows:
        raise InputError(f"The plan is for {plan.rows_before} rows, and {checkpoint.directory} has {checkpoint.rows}.")
    if not plan.kept:
        raise InputError(f"The plan keeps none of the {plan.rows_before} rows of {checkpoint.directory}.")
    if plan.padding and padding is None:
        raise InputError(f"The plan has {len(plan.padding)} padding rows, and no rule for them was given.")


def plan_resizes(
    checkpoint: Checkpoint,
    plan: Plan,
    initialization: Initialization,
    padding: RowRule | None,
    maps: Mapping[str, RowMap],
) -> Mapping[str, Resize]:
    """Return what becomes of every tensor that has one row per token, by name.

    A copy, a tied head among them, is made as what it repeats. A further table is made of its own rows as the input is.
    """
    rules = {name: initialization.input for name in (checkpoint.input, *checkpoint.tables)}
    rules |= dict.fromkeys(checkpoint.biases, initialization.bias)
    if checkpoint.head is not None and not checkpoint.tied:
        rules[checkpoint.head] = initialization.head
    sources = {name: checkpoint.original(name) for name in checkpoint.resized}
    return {
        name: Resize(
            name,
            checkpoint.tensors[source],
            plan,
            rules[source],
            padding,
            maps.get(source),
            is_one_row=_is_one_row(checkpoint, name),
        )
        for name, source in sources.items()
    }


def _is_one_row(checkpoint: Checkpoint, name: str) -> bool:
    stored = next(file.entries[name] for file in checkpoint.files.values() if name in file.entries)
    return len(stored.shape) > len(checkpoint.tensors[name].entry.shape)
