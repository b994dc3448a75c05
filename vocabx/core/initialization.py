"""Initialization: how the new rows of each matrix are made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from vocabx.core.alignment import Alignment
from vocabx.core.arrays import Floats, Matrix
from vocabx.core.transfer import Transfer

__all__ = ["Initialization", "Initializer", "RowRule"]


class RowRule(Protocol):
    """A way to make N rows from a source matrix: an `Alignment`, or a seeded draw."""

    def blocks(self, matrix: Matrix) -> Iterator[Floats]:
        """Yield N rows of float32 in order, in blocks, from the source matrix of shape (S, D)."""


@dataclass(frozen=True)
class Initialization:
    """One rule for each matrix; most methods share one.

    `input` acts on the input embedding, `head` on an untied output head and `bias` on the output bias, each on
    the rows of its own matrix: a head row is never built from input rows.
    """

    input: RowRule
    head: RowRule
    bias: RowRule

    @classmethod
    def shared(cls, rule: RowRule) -> Initialization:
        """Use one rule for all three."""
        return cls(rule, rule, rule)

    @property
    def is_convex(self) -> bool:
        """Whether every row of every matrix is a convex combination of source rows."""
        rules = (self.input, self.head, self.bias)
        return all(isinstance(rule, Alignment) and bool(rule.is_convex.all()) for rule in rules)


class Initializer(Protocol):
    """A method: how N new tokens get their rows."""

    def initialize(self, transfer: Transfer) -> Initialization:
        """Return the rules for the rows of the new tokens.

        The transfer's seed fixes every draw; the same transfer gives the same rows to the bit.
        """
