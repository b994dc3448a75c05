"""Factors: a matrix as coordinates times primitives, by the eigenvectors of its Gram matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vocabx.core.arrays import Matrix, row_blocks
from vocabx.core.errors import InputError

__all__ = ["Factors", "Spectrum", "spectrum"]

Doubles = NDArray[np.float64]

ROWS_AT_ONCE = 64
"""Rows that are multiplied together, always as many: a product may differ in its last bit with the number of rows, and
rows that were equal must stay so, or a copy of a head row would win over the row that it is a copy of."""


@dataclass(frozen=True)
class Factors:
    """K primitives, and how any row gets its K coordinates.

    Attributes
    ----------
    primitives : ndarray of float64, shape (K, D)
        P; a row is about its coordinates times P.
    encoder : ndarray of float64, shape (D, K)
        Takes rows to their coordinates.
    retained : float
        Share of the sum of squares that the approximation keeps, 0 to 1.

    Notes
    -----
    The law: ``encoder @ primitives`` projects onto the first K right singular vectors. Rows that are weighted sums of
    others have coordinates that are the same weighted sums of theirs.
    """

    primitives: Doubles
    encoder: Doubles
    retained: float

    @property
    def rank(self) -> int:
        """How many primitives there are, K."""
        return len(self.primitives)

    def parameters(self, rows: int) -> int:
        """Count the numbers of both factors of a matrix of so many rows, ``rows * K + K * D``."""
        return rows * self.rank + self.primitives.size

    def coordinates(self, rows: Matrix) -> Doubles:
        """Return the coordinates of rows of shape (B, D), shape (B, K); a row that is not finite has none that are."""
        return _product(rows, self.encoder)

    def project(self, rows: Matrix) -> Doubles:
        """Return what the coordinates of rows of shape (B, D) stand for, shape (B, D)."""
        return _product(self.coordinates(rows), self.primitives)


def _product(rows: Matrix, factor: Doubles) -> Doubles:
    """Multiply in float64; what comes of a row does not depend on those beside it."""
    result, block = np.empty((len(rows), factor.shape[1])), np.zeros((ROWS_AT_ONCE, len(factor)))
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = rows[start : start + ROWS_AT_ONCE]
        block[: len(part)] = part
        with np.errstate(invalid="ignore", over="ignore"):
            result[start : start + len(part)] = (block @ factor)[: len(part)]
    return result


@dataclass(frozen=True)
class Spectrum:
    """The singular values of a matrix and its right singular vectors: all that its factors of any rank need.

    Attributes
    ----------
    squares : ndarray of float64, shape (D,)
        Squared singular values, largest first.
    directions : ndarray of float64, shape (D, D)
        Row i is the i-th right singular vector; its largest entry is positive.
    rows : int
        Rows that took part.
    skipped : int
        Rows that are not finite and took no part.
    """

    squares: Doubles
    directions: Doubles
    rows: int
    skipped: int

    @property
    def rank(self) -> int:
        """How many singular values are more than rounding errors."""
        negligible = self.squares[0] * max(self.rows, len(self.squares)) * np.finfo(np.float64).eps
        return int((self.squares > negligible).sum())

    @property
    def retained(self) -> Doubles:
        """Share of the sum of squares that the first 1, 2, ... D directions keep, shape (D,); it never falls."""
        total = np.cumsum(self.squares)
        return np.asarray(total / total[-1])

    def factors(self, rank: int, balanced: bool = False) -> Factors:
        """Return the best factors of that rank.

        With ``U S V'`` for the first K singular values and vectors of the matrix, coordinates are U and primitives
        ``S V'``, as in OFA. Balanced, they are ``U S^½`` and ``S^½ V'``, so that an optimizer meets numbers of like
        size in both. The product is the same.

        Raises
        ------
        InputError
            When the matrix has fewer independent directions, or `rank` is none.
        """
        if not 1 <= rank <= self.rank:
            raise InputError(
                f"An embedding of {len(self.squares)} dimensions and rank {self.rank} has factors of rank 1 to "
                f"{self.rank}, not {rank}. Choose a number in this range with --factorize."
            )
        scales = np.sqrt(self.squares[:rank])[:, np.newaxis]
        if balanced:
            scales = np.sqrt(scales)
        directions = self.directions[:rank]
        primitives, encoder = scales * directions, (directions / scales).T
        return Factors(primitives, np.ascontiguousarray(encoder), float(self.retained[rank - 1]))


def spectrum(matrix: Matrix) -> Spectrum:
    """Decompose a matrix of shape (S, D), reading it once, in blocks of rows.

    The eigenvalues of ``E' E`` are the squared singular values of E, and its eigenvectors the right singular vectors.
    It is summed in float64, in memory for (D, D), and takes a tenth of the time of a singular value decomposition of
    E. Nothing is centred. Rows that are not finite are left out.

    >>> spectrum(np.array([[3.0, 0.0], [0.0, 4.0], [np.nan, 1.0]])).squares.tolist()
    [16.0, 9.0]
    """
    size, used = matrix.shape[1], 0
    gram = np.zeros((size, size))
    for _, block in row_blocks(matrix):
        finite = block[np.isfinite(block).all(axis=1)].astype(np.float64)
        gram += finite.T @ finite
        used += len(finite)
    if not gram.any():
        raise InputError("The embedding has no row that is finite and not all zero, so there is nothing to factorise.")
    values, vectors = np.linalg.eigh(gram)
    directions = vectors.T[::-1]
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=1)[:, np.newaxis], axis=1)
    # An eigenvector has no sign of its own; with one chosen, equal matrices have equal factors.
    directions = directions * np.where(largest < 0, -1.0, 1.0)
    return Spectrum(np.maximum(values[::-1], 0.0), directions, used, len(matrix) - used)
