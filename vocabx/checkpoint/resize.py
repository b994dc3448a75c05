"""One tensor with a row per token, on its way to another number of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from vocabx.checkpoint.read import Checkpoint, StoredTensor
from vocabx.checkpoint.safetensors_file import TensorEntry
from vocabx.core.arrays import ROWS_PER_BLOCK, Floats, Matrix
from vocabx.core.errors import CheckpointError, InputError
from vocabx.core.initialization import Initialization, RowRule
from vocabx.core.plan import Plan

__all__ = ["Resize", "check_plan", "plan_resizes"]


@dataclass(frozen=True)
class Resize:
    """What becomes of one tensor: kept rows of `source`, then rows made from them by `rule`, then padding.

    `source` is the tensor itself, or the input embedding for a head that duplicates it.
    """

    name: str
    source: StoredTensor
    plan: Plan
    rule: RowRule
    padding: RowRule | None

    @property
    def kept_bytes(self) -> tuple[int, int]:
        """Begin and end of the kept rows in the source file."""
        begin = self.source.entry.begin
        return begin, begin + self.plan.kept * self.source.entry.row_size

    @property
    def size(self) -> int:
        """Number of bytes of the resized tensor."""
        return self.plan.rows_after * self.source.entry.row_size

    @property
    def made_size(self) -> int:
        """Number of bytes after the kept rows."""
        return (self.plan.rows_after - self.plan.kept) * self.source.entry.row_size

    def entry_at(self, begin: int) -> TensorEntry:
        """Return the header entry of the resized tensor, its bytes starting at `begin`."""
        source = self.source.entry
        shape = (self.plan.rows_after, *source.shape[1:])
        return replace(source, name=self.name, shape=shape, begin=begin, end=begin + self.size)

    def made_rows(self) -> Iterator[Matrix]:
        """Yield the rows after the kept ones in blocks of shape (B, D) and the stored type; a bias has D = 1."""
        source = self.source.map()[: self.plan.kept]
        source = source.reshape(len(source), -1)
        made = 0
        for block in self.rule.blocks(source) if self.plan.new else ():
            made += len(block)
            yield self._stored(block, source)
        if made != self.plan.new:
            raise InputError(f"{self.name}: the method made {made} new rows, and the plan needs {self.plan.new}.")
        yield from self._padding_rows(source)

    def _padding_rows(self, source: Matrix) -> Iterator[Matrix]:
        if self.padding is None or not self.plan.padding:
            return
        row = np.concatenate(list(self.padding.blocks(source)))
        if len(row) != 1:
            raise InputError(f"{self.name}: padding needs a rule of one row, not {len(row)}.")
        block = np.repeat(self._stored(row, source), min(ROWS_PER_BLOCK, len(self.plan.padding)), axis=0)
        for start in range(0, len(self.plan.padding), len(block)):
            yield block[: len(self.plan.padding) - start]

    def _stored(self, block: Floats, source: Matrix) -> Matrix:
        if block.shape[1:] != source.shape[1:]:
            raise InputError(f"{self.name}: expected new rows of shape (B, {source.shape[1]}), got {block.shape}.")
        with np.errstate(over="ignore"):
            stored = np.ascontiguousarray(block, dtype=source.dtype)
        if not np.isfinite(stored).all():
            raise CheckpointError(
                f"A new row of {self.name} is not finite when stored as {self.source.entry.dtype} (the largest value "
                f"is {np.abs(block).max():g}). Use another method, or a base in a wider type."
            )
        return stored


def check_plan(checkpoint: Checkpoint, plan: Plan, padding: RowRule | None) -> None:
    """Raise `InputError` unless the plan fits the checkpoint."""
    if plan.rows_before != checkpoint.rows:
        raise InputError(f"The plan is for {plan.rows_before} rows, and {checkpoint.directory} has {checkpoint.rows}.")
    if not 0 < plan.kept <= plan.rows_before or plan.new < 0 or plan.rows_after < plan.tokens:
        raise InputError(
            f"The plan keeps {plan.kept} of {plan.rows_before} rows and adds {plan.new}: that does not give "
            f"{plan.rows_after} rows."
        )
    if plan.padding and padding is None:
        raise InputError(f"The plan has {len(plan.padding)} padding rows, and no rule for them was given.")


def plan_resizes(
    checkpoint: Checkpoint, plan: Plan, initialization: Initialization, padding: RowRule | None
) -> Mapping[str, Resize]:
    """Return what becomes of every tensor that has one row per token, by name."""
    rules = {checkpoint.input: initialization.input, **dict.fromkeys(checkpoint.biases, initialization.bias)}
    sources = {name: name for name in checkpoint.resized}
    if checkpoint.head is not None:
        rules[checkpoint.head] = initialization.input if checkpoint.tied else initialization.head
        sources[checkpoint.head] = checkpoint.input if checkpoint.tied else checkpoint.head
    return {
        name: Resize(name, checkpoint.tensors[source], plan, rules[name], padding) for name, source in sources.items()
    }
