"""The tensors that have one row per token, with what their new rows were made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vocabx.checkpoint import Checkpoint
from vocabx.core.alignment import Alignment
from vocabx.core.arrays import Matrix
from vocabx.core.errors import CheckpointError
from vocabx.core.plan import Plan

__all__ = ["VocabularyRows", "output_rows", "read_vocabulary_rows"]


@dataclass(frozen=True)
class VocabularyRows:
    """One tensor of the directory, in its stored type and mapped from its file.

    Attributes
    ----------
    role : str
        input, head or bias.
    name : str
        Its name in the checkpoint.
    matrix : ndarray of shape (R, D)
        All rows, padding included; a bias has D = 1.
    source : ndarray of shape (S, D)
        The rows that new ones were made of: the base's where it is given, else the directory's own old rows.
    alignment : Alignment or None
        The stored weights of the new rows; None where they were drawn.
    plan : Plan
    """

    role: str
    name: str
    matrix: Matrix
    source: Matrix
    alignment: Alignment | None
    plan: Plan

    @property
    def new(self) -> Matrix:
        """Rows of the new tokens, shape (N, D)."""
        return self.matrix[self.plan.kept : self.plan.tokens]

    @property
    def padding(self) -> Matrix:
        """Rows that belong to no token."""
        return self.matrix[self.plan.tokens :]


def read_vocabulary_rows(
    own: Checkpoint, base: Checkpoint | None, plan: Plan, alignments: Mapping[str, Alignment]
) -> tuple[VocabularyRows, ...]:
    """Map every tensor that has one row per token, the input first.

    A head that duplicates the input is resized as the input is, so it has the input's source and weights.
    """
    origin = base or own
    roles = {own.input: "input", **dict.fromkeys(own.biases, "bias")}
    if own.head is not None:
        roles[own.head] = "head"
    found = []
    for name, role in roles.items():
        rule = "input" if role == "head" and origin.tied else role
        source = _rows(origin, origin.input if rule == "input" else name, plan.kept)[: plan.kept]
        matrix = _rows(own, name, plan.tokens)
        if matrix.shape[1:] != source.shape[1:]:
            raise CheckpointError(
                f"{own.directory} does not come from {origin.directory}: {name} has rows of {matrix.shape[1]} numbers, "
                f"and the base has {source.shape[1]}."
            )
        found.append(VocabularyRows(role, name, matrix, source, alignments.get(rule), plan))
    return tuple(found)


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
