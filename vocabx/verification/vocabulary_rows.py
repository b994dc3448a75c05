"""The tensors that have one row per token, with what their new rows were made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vocabx.checkpoint import Checkpoint
from vocabx.core.alignment import Alignment
from vocabx.core.arrays import ROWS_PER_BLOCK, Bools, Matrix
from vocabx.core.errors import CheckpointError
from vocabx.core.plan import Plan
from vocabx.factorization import Factors, spectrum
from vocabx.verification.reading import Exact, Factored, Reading, read_primitives

__all__ = ["VocabularyRows", "output_rows", "read_vocabulary_rows"]


@dataclass(frozen=True)
class VocabularyRows:
    """One tensor of the directory, in its stored type and mapped from its file.

    Attributes
    ----------
    role : str
        input, head, bias, or table for what is none of them.
    name : str
        Its name in the checkpoint.
    matrix : ndarray of shape (R, D)
        All rows, padding included; a bias has D = 1.
    source : ndarray of shape (S, D)
        The rows that new ones were made of: the base's where it is given, else the directory's own old rows. Where
        ids moved, these do not do, and there are none without the base.
    alignment : Alignment or None
        The stored weights of the new rows; None where they were drawn.
    plan : Plan
    reading : Reading
        What stored rows stand for, and how they compare with rows made of `source`.
    is_made : ndarray of bool, shape (N,)
        The new rows that the method made; of those that were given, weights say nothing.
    """

    role: str
    name: str
    matrix: Matrix
    source: Matrix
    alignment: Alignment | None
    plan: Plan
    reading: Reading
    is_made: Bools

    @property
    def given(self) -> int:
        """How many new rows came from a file."""
        return int((~self.is_made).sum())

    def new_rows(self, start: int, size: int = ROWS_PER_BLOCK) -> Matrix:
        """Return the rows of up to `size` new tokens, from the `start`-th on."""
        return self.matrix[self.plan.new_ids[start : start + size]]

    def new_blocks(self) -> Iterator[tuple[int, Matrix]]:
        """Yield (place among the new tokens, rows in their stored type) for all of them."""
        for start in range(0, self.plan.new, ROWS_PER_BLOCK):
            yield start, self.new_rows(start)

    @property
    def padding(self) -> Matrix:
        """Rows that belong to no token."""
        return self.matrix[self.plan.tokens :]


def read_vocabulary_rows(
    own: Checkpoint,
    base: Checkpoint | None,
    plan: Plan,
    alignments: Mapping[str, Alignment],
    factorization: Mapping[str, Any],
    has_own_rows: bool,
    is_made: Callable[[str], Bools],
) -> tuple[VocabularyRows, ...]:
    """Map every tensor that has one row per token, the input first.

    What repeats another tensor, such as a tied head, is resized as that one is, so it has its source and weights, and
    so do tables of their own rows have the input's weights. Without the base, rows have a source where the directory
    has those that they were made of.
    """
    origin, has_source = base or own, base is not None or has_own_rows
    roles = {own.input: "input", **dict.fromkeys(own.biases, "bias")}
    if own.head is not None:
        roles[own.head] = "head"
    roles |= {name: "table" for name in (*own.copies, *own.tables)}
    found = []
    for name, role in roles.items():
        original = origin.original(name)
        rule = _rule(origin, original)
        matrix = _rows(own, name, plan.tokens)
        source: Matrix = matrix[:0]
        reading: Reading = Exact()
        if has_source:
            # A tied head may be the only one of the two that is stored, here or there.
            name_there = original if original in origin.tensors else origin.input
            source = _rows(origin, name_there, plan.tokens_before)[: plan.tokens_before]
            if factorization and role in ("input", "head"):
                primitives = read_primitives(own, own.input if rule == "input" else name, factorization["form"])
                reading = Factored(_factors(source, factorization), primitives)
        if reading.decode(matrix[:0]).shape[1:] != source.shape[1:]:
            raise CheckpointError(
                f"{own.directory} does not come from {origin.directory}: {name} has rows of {matrix.shape[1]} numbers, "
                f"and the base has {source.shape[1]}."
            )
        found.append(VocabularyRows(role, name, matrix, source, alignments.get(rule), plan, reading, is_made(rule)))
    return tuple(found)


def _rule(origin: Checkpoint, original: str) -> str:
    if original in origin.biases:
        return "bias"
    return "head" if original == origin.head and not origin.tied else "input"


def _factors(source: Matrix, factorization: Mapping[str, Any]) -> Factors:
    return spectrum(source).factors(factorization["rank"], factorization["balanced"])


def output_rows(rows: tuple[VocabularyRows, ...]) -> VocabularyRows:
    """Return the matrix that scores the next token: the head, or the input where it serves as head."""
    return next((tensor for tensor in rows if tensor.role == "head"), rows[0])


def _rows(checkpoint: Checkpoint, name: str, least: int) -> Matrix:
    matrix = checkpoint.matrix(name)
    if len(matrix) < least:
        raise CheckpointError(
            f"{checkpoint.directory}: {name} has {len(matrix):,} rows, and the manifest needs at least {least:,}."
        )
    return matrix.reshape(len(matrix), -1)
