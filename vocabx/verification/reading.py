"""Reading: what the stored rows of a tensor stand for, and whether they are the rows that they should be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from vocabx.checkpoint import Checkpoint
from vocabx.core.arrays import Bools, Floats, Matrix
from vocabx.factorization import MODEL, Factors
from vocabx.factorization.recoded import primitives_name

__all__ = ["Exact", "Factored", "Reading", "read_primitives", "same_bits"]

SMALLEST_TOLERANCE = 1e-5
"""Of a row's length: what products in float32 may differ by."""


class Reading(Protocol):
    """How stored rows compare with rows made of the base's."""

    def decode(self, stored: Matrix) -> Matrix:
        """Return the rows that stored rows stand for, shape (B, D)."""

    def agrees(self, stored: Matrix, made: Floats) -> Bools:
        """Mark the stored rows that are as they must be when they are made of `made`, shape (B,)."""


def same_bits(left: Matrix, right: Matrix) -> Bools:
    """Mark the rows that are equal to the bit, shape (B,)."""
    views = (np.ascontiguousarray(rows).view(np.uint8) for rows in (left, right))
    return np.asarray(np.equal(*views).all(axis=1))


@dataclass(frozen=True)
class Exact:
    """Rows are stored as they are."""

    def decode(self, stored: Matrix) -> Matrix:
        """Return them."""
        return stored

    def agrees(self, stored: Matrix, made: Floats) -> Bools:
        """Compare to the bit, in the stored type."""
        with np.errstate(over="ignore"):
            return same_bits(stored, made.astype(stored.dtype))


@dataclass(frozen=True)
class Factored:
    """Rows are stored as coordinates, or as what these stand for; then they agree but for the rounding of both factors.

    `factors` are those of the base's matrix, found again; `primitives` the stored ones, shape (K, D), or None.
    """

    factors: Factors = field(repr=False)
    primitives: Floats | None = field(repr=False)

    def decode(self, stored: Matrix) -> Matrix:
        """Multiply coordinates by the stored primitives."""
        rows = np.asarray(stored, np.float32)
        if self.primitives is None:
            return rows
        with np.errstate(invalid="ignore", over="ignore"):
            return rows @ self.primitives

    def agrees(self, stored: Matrix, made: Floats) -> Bools:
        """Compare within the rounding of the stored type; a row that is not finite must stay so."""
        expected = self.factors.project(made)
        with np.errstate(invalid="ignore"):
            distance = np.linalg.norm(self.decode(stored) - expected, axis=1)
            step = float(np.spacing(np.ones(1, stored.dtype))[0])
            near = distance <= 2 * step * np.linalg.norm(expected, axis=1) + SMALLEST_TOLERANCE * np.linalg.norm(
                made, axis=1
            )
        was_finite = np.isfinite(made).all(axis=1)
        return np.where(was_finite, near, ~np.isfinite(np.asarray(stored, np.float32)).all(axis=1))


def read_primitives(own: Checkpoint, matrix: str, form: str) -> Floats | None:
    """Return the stored primitives of a matrix, shape (K, D); None where rows are stored multiplied out."""
    return np.asarray(own.matrix(primitives_name(matrix)), np.float32).T if form == MODEL else None
