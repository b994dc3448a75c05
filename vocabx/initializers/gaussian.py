"""Rows drawn from a normal distribution that is fitted to the base's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from vocabx.core.alignment import NEW_ROWS_PER_BLOCK
from vocabx.core.arrays import Bools, Floats, Matrix, not_finite, row_blocks
from vocabx.core.errors import CheckpointError, InputError, UnknownNameError
from vocabx.core.initialization import Initialization
from vocabx.core.transfer import Transfer

__all__ = ["DISTRIBUTIONS", "Gaussian", "GaussianDraw"]

Float64s = NDArray[np.float64]


def _usable_blocks(matrix: Matrix, usable: Bools) -> Iterator[Float64s]:
    for start, block in row_blocks(matrix[: len(usable)]):
        yield block[usable[start : start + len(block)]].astype(np.float64)


def _moments(matrix: Matrix, usable: Bools) -> tuple[Float64s, Float64s]:
    """Mean and variance of each dimension over the usable rows, shape (D,) each; two passes, so nothing cancels."""
    count = int(usable.sum())
    with np.errstate(invalid="ignore"):
        mean = sum((block.sum(axis=0) for block in _usable_blocks(matrix, usable)), np.zeros(matrix.shape[1])) / count
    if not np.isfinite(mean).all():
        broken = not_finite(matrix, np.flatnonzero(usable))
        raise CheckpointError(
            f"{len(broken):,} of the base's rows are not finite (NaN or infinite), and new rows would be drawn like "
            f"them: the first is that of id {broken[0]}. Download the base again, or mend these rows first."
        )
    squares = (((block - mean) ** 2).sum(axis=0) for block in _usable_blocks(matrix, usable))
    return mean, sum(squares, np.zeros(matrix.shape[1])) / count


def _isotropic(matrix: Matrix, usable: Bools) -> tuple[Float64s, Float64s]:
    mean, variance = _moments(matrix, usable)
    deviation = np.sqrt((variance + mean**2).mean())
    return np.zeros_like(mean), np.full_like(mean, deviation)


def _per_dimension(matrix: Matrix, usable: Bools) -> tuple[Float64s, Float64s]:
    mean, variance = _moments(matrix, usable)
    return mean, np.sqrt(variance)


def _full(matrix: Matrix, usable: Bools) -> tuple[Float64s, Float64s]:
    mean, variance = _moments(matrix, usable)
    covariance = np.zeros((len(mean), len(mean)))
    for block in _usable_blocks(matrix, usable):
        centred = block - mean
        covariance += centred.T @ centred
    covariance /= int(usable.sum())
    # Fewer rows than dimensions leave directions without variance, which a Cholesky factor cannot have.
    covariance[np.diag_indices_from(covariance)] += 1e-9 * variance.mean() + np.finfo(np.float64).tiny
    return mean, np.asarray(np.linalg.cholesky(covariance), np.float64)


DISTRIBUTIONS: Mapping[str, Callable[[Matrix, Bools], tuple[Float64s, Float64s]]] = MappingProxyType(
    {"isotropic": _isotropic, "univariate": _per_dimension, "multivariate": _full}
)
"""Name → (mean (D,), spread): a deviation per dimension (D,), or a factor (D, D) of the covariance."""


@dataclass(frozen=True)
class GaussianDraw:
    """N rows drawn block by block; the same seed, stream and matrix give the same rows to the bit."""

    distribution: str
    count: int
    seed: int
    stream: int
    usable: Bools = field(repr=False)
    scale: float = 1.0

    def blocks(self, matrix: Matrix) -> Iterator[Floats]:
        """Yield N rows of float32 in order."""
        mean, spread = DISTRIBUTIONS[self.distribution](matrix, self.usable)
        spread = spread * np.sqrt(self.scale)
        # Each matrix has a stream of its own: one stream for all would correlate input and head noise.
        generator = np.random.default_rng([self.seed, self.stream])
        for start in range(0, self.count, NEW_ROWS_PER_BLOCK):
            noise = generator.standard_normal((min(NEW_ROWS_PER_BLOCK, self.count - start), len(mean)))
            yield (mean + (noise * spread if spread.ndim == 1 else noise @ spread.T)).astype(np.float32)


@dataclass(frozen=True)
class Gaussian:
    """A seeded draw for each matrix, fitted to its own usable rows.

    Attributes
    ----------
    distribution : str
        ``isotropic``, ``univariate`` (per dimension) or ``multivariate`` (with the covariance).
        ``isotropic``: N(0, s), s the root mean square of all entries; a bias is drawn as with ``univariate``.
        ``univariate``: N(mean, deviation) per dimension (the fallback of WECHSEL, OFA and FOCUS).
        ``multivariate``: N(mean, covariance).
    scale : float
        Factor of the variance, 0 or more. With ``multivariate`` 1e-5 (Mundra et al. 2024) is the mean with a little
        noise that tells the rows apart; 1e-9 is what ``resize_token_embeddings`` of transformers does (Hewitt 2021),
        most of which vanishes in bfloat16.

    Notes
    -----
    Drawn rows may leave the convex hull of the base's rows, so greedy output may change right after the extension.
    """

    distribution: str
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.distribution not in DISTRIBUTIONS:
            raise UnknownNameError("distribution", self.distribution, DISTRIBUTIONS)
        if not self.scale >= 0:
            raise InputError(f"The option scale must be 0 or more, not {self.scale}.")

    def initialize(self, transfer: Transfer) -> Initialization:
        """Return one draw per matrix."""
        count, seed, usable = len(transfer.new_ids), transfer.seed, transfer.usable
        # Trained biases lie far below zero: drawn around zero, new ones would win over every old token.
        bias = "univariate" if self.distribution == "isotropic" else self.distribution
        draws = (
            GaussianDraw(distribution, count, seed, stream, usable, self.scale)
            for stream, distribution in enumerate((self.distribution, self.distribution, bias))
        )
        return Initialization(*draws)
