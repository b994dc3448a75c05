"""Alignment: every new row as a weighted sum of source rows, before any embedding is looked at."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property, partial
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import block_diag, csr_array, vstack

from vocabx.core.arrays import ROWS_PER_BLOCK, Bools, Floats, Ints, Matrix, check_shape, gather, let_go, loading_fault
from vocabx.core.errors import InputError
from vocabx.core.threads import map_in_order
from vocabx.core.transfer import Transfer

__all__ = ["Aligner", "Alignment", "Origin", "mean_over"]

NEW_ROWS_PER_BLOCK = 64
"""New rows made at a time: few, so that the source rows they need stay in the processor's cache."""

LARGEST_GATHERED = 64 * 2**20
"""Bytes of source rows that are read once and kept, rather than sought in the file for every block again."""


class Origin(IntEnum):
    """Where a row's weights come from."""

    COPIED = 0  # one source row, taken bit for bit
    ALIGNED = 1  # the method found evidence for this token
    FALLBACK = 2  # it found none, and the fallback stepped in


def mean_over(ids: Ints, source_tokens: int) -> csr_array:
    """Return the distribution that is uniform over `ids`, shape (1, S)."""
    if not len(ids):
        raise InputError("The base has no usable embedding row to take a mean of: all are absent, special or zero.")
    weights = np.full(len(ids), 1.0 / len(ids))
    return csr_array((weights, (np.zeros(len(ids), np.int64), ids)), shape=(1, source_tokens))


def _with_rows_times(matrix: csr_array, factors: NDArray[np.float64]) -> csr_array:
    data = matrix.data * factors.repeat(np.diff(matrix.indptr))
    return csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)


@dataclass(frozen=True)
class Alignment:
    """Sparse weights of N rows over S source rows, plus weights over a few shared distributions.

    Attributes
    ----------
    weights : csr_array of float64, shape (N, S)
        Each row's own weights.
    shared : csr_array of float64, shape (G, S)
        Distributions that many rows use, such as the global mean. A row that is the mean costs one entry, not S.
    shared_weights : csr_array of float64, shape (N, G)
        Weights over those distributions.
    origins : ndarray of int8, shape (N,)
        An `Origin` per row.
    evidence : ndarray of int64, shape (N,)
        How many observations the weights rest on, in the method's own unit; 0 for a fallback.

    Notes
    -----
    The law: row i of the result is ``(weights[i] + shared_weights[i] @ shared) @ matrix``, and the same weights
    serve the input rows, the output-head rows and the output bias. It is computed in float64 and returned in
    float32; a copied row is taken as it is and never multiplied.
    """

    weights: csr_array
    shared: csr_array
    shared_weights: csr_array
    origins: NDArray[np.int8]
    evidence: Ints

    def __post_init__(self) -> None:
        rows, sources = self.weights.shape
        check_shape("origins", self.origins, rows)
        check_shape("evidence", self.evidence, rows)
        if self.shared.shape[1] != sources or self.shared_weights.shape != (rows, self.shared.shape[0]):
            raise InputError(
                f"Alignment: shared distributions of shape {self.shared.shape} with weights "
                f"{self.shared_weights.shape} do not fit weights of shape {self.weights.shape}."
            )
        copied = np.flatnonzero(self.origins == Origin.COPIED)
        own, common = np.diff(self.weights.indptr)[copied], np.diff(self.shared_weights.indptr)[copied]
        if (own != 1).any() or common.any() or (self.weights.data[self.weights.indptr[copied]] != 1).any():
            raise InputError("Alignment: a copied row must rest on one source row, with weight 1, and on nothing else.")

    @classmethod
    def build(
        cls,
        weights: csr_array,
        *,
        shared: csr_array | None = None,
        shared_weights: csr_array | None = None,
        origins: NDArray[np.int8] | None = None,
        evidence: Ints | None = None,
    ) -> Alignment:
        """Make an alignment; what is left out is empty, aligned, and without evidence counts."""
        rows, sources = weights.shape
        tidy = csr_array(weights.astype(np.float64))  # a copy: tidying works in place
        tidy.sum_duplicates()
        shared = csr_array((0, sources)) if shared is None else shared
        return cls(
            weights=tidy,
            shared=csr_array(shared.astype(np.float64)),
            shared_weights=csr_array((rows, shared.shape[0])) if shared_weights is None else csr_array(shared_weights),
            origins=np.full(rows, Origin.ALIGNED, np.int8) if origins is None else origins.astype(np.int8),
            evidence=np.zeros(rows, np.int64) if evidence is None else evidence,
        )

    def __len__(self) -> int:
        return int(self.weights.shape[0])

    @cached_property
    def is_convex(self) -> Bools:
        """Rows whose weights are non-negative and sum to 1 within 1e-9, shape (N,)."""
        negative = (self.weights < 0).sum(axis=1) + (self.shared_weights < 0).sum(axis=1)
        shared_is_positive = self.shared.nnz == 0 or bool(self.shared.data.min() >= 0)
        total = self.weights.sum(axis=1) + self.shared_weights @ self.shared.sum(axis=1)
        return np.asarray((negative == 0) & shared_is_positive & (np.abs(total - 1) <= 1e-9))

    @cached_property
    def effective_support(self) -> NDArray[np.float64]:
        """How many source rows a row rests on, shape (N,); 1 for a copy.

        The squared sum of absolute weights over the sum of squared weights (Kish's effective size), so that neither
        scale nor sign matters; for a convex row that is 1 over the sum of its squares.
        """
        own = self.weights.multiply(self.weights).sum(axis=1)
        crossed = (self.weights @ self.shared.T).multiply(self.shared_weights).sum(axis=1)
        gram = self.shared @ self.shared.T
        common = (self.shared_weights @ gram).multiply(self.shared_weights).sum(axis=1)
        squares = np.asarray(own + 2 * crossed + common, dtype=np.float64)
        total = np.asarray(abs(self.weights).sum(axis=1) + abs(self.shared_weights) @ abs(self.shared).sum(axis=1))
        return np.asarray(np.divide(total**2, squares, out=np.zeros_like(squares), where=squares > 0))

    def with_rows(self, rows: Ints, other: Alignment) -> Alignment:
        """Return a copy in which row ``rows[i]`` is row i of `other`.

        >>> mean = Alignment.build(csr_array([[0.5, 0.5], [0.5, 0.5]]))
        >>> copy = Alignment.build(csr_array([[0.0, 1.0]]), evidence=np.ones(1, np.int64))
        >>> mean.with_rows(np.array([1]), copy).weights.toarray().tolist()
        [[0.5, 0.5], [0.0, 1.0]]
        """
        check_shape("rows", rows, len(other))
        order = np.arange(len(self))
        order[rows] = len(self) + np.arange(len(rows))
        parts = (self, other)
        return Alignment(
            weights=csr_array(vstack([part.weights for part in parts], format="csr")[order]),
            shared=csr_array(vstack([part.shared for part in parts], format="csr")),
            shared_weights=csr_array(block_diag([part.shared_weights for part in parts], format="csr"))[order],
            origins=np.concatenate([part.origins for part in parts])[order],
            evidence=np.concatenate([part.evidence for part in parts])[order],
        )

    def select(self, rows: Ints) -> Alignment:
        """Return a copy with these rows alone.

        >>> Alignment.build(csr_array([[0.5, 0.5], [0.0, 1.0]])).select(np.array([1])).weights.toarray().tolist()
        [[0.0, 1.0]]
        """
        return Alignment(
            weights=csr_array(self.weights[rows]),
            shared=self.shared,
            shared_weights=csr_array(self.shared_weights[rows]),
            origins=self.origins[rows],
            evidence=self.evidence[rows],
        )

    def scaled(self, factor: float) -> Alignment:
        """Return a copy with all weights multiplied, but for those of copied rows, which stay what they are.

        >>> Alignment.build(csr_array([[0.5, 0.5]])).scaled(1.25).weights.toarray().tolist()
        [[0.625, 0.625]]
        """
        factors = np.where(self.origins == Origin.COPIED, 1.0, factor)
        own, common = (_with_rows_times(weights, factors) for weights in (self.weights, self.shared_weights))
        return replace(self, weights=own, shared_weights=common)

    def sources(self, row: int) -> list[tuple[int, float]]:
        """Return (source id, weight) of one row's own weights, heaviest first."""
        begin, end = self.weights.indptr[row], self.weights.indptr[row + 1]
        pairs = zip(self.weights.indices[begin:end], self.weights.data[begin:end], strict=True)
        return sorted(((int(i), float(w)) for i, w in pairs), key=lambda pair: (-pair[1], pair[0]))

    def shared_share(self, row: int) -> float:
        """Return how much of one row comes from shared distributions."""
        return float(self.shared_weights[[row]].sum())

    def blocks(self, matrix: Matrix) -> Iterator[Floats]:
        """Yield the rows in order, in float32 blocks, reading only the source rows that each block needs.

        Parameters
        ----------
        matrix : ndarray of shape (S', D), S' >= S
            Source rows in any float type; rows beyond S (padding) are never read.
        """
        if matrix.ndim != 2 or len(matrix) < self.weights.shape[1]:
            raise InputError(
                f"matrix: expected at least {self.weights.shape[1]} rows (one per source token), got {matrix.shape}."
            )
        shared_rows = self._shared_rows(matrix)
        used = np.unique(self.weights.indices).astype(np.int64)
        if used.size * matrix.itemsize * matrix.shape[1] <= LARGEST_GATHERED:
            columns = np.searchsorted(used, self.weights.indices)
            weights = csr_array((self.weights.data, columns, self.weights.indptr), shape=(len(self), len(used)))
            compact = replace(self, weights=weights, shared=csr_array((self.shared.shape[0], len(used))))
            matrix = gather(matrix, used)
        else:
            compact = self
        for start in range(0, len(self), NEW_ROWS_PER_BLOCK):
            yield compact._block(matrix, shared_rows, slice(start, start + NEW_ROWS_PER_BLOCK))

    def apply(self, matrix: Matrix) -> Floats:
        """Return all rows at once, ndarray of float32 and shape (N, D)."""
        blocks = list(self.blocks(matrix))
        return np.concatenate([np.empty((0, matrix.shape[1]), np.float32), *blocks])

    def _shared_rows(self, matrix: Matrix) -> NDArray[np.float64]:
        total = np.zeros((self.shared.shape[0], matrix.shape[1]))
        if self.shared_weights.nnz:
            starts = range(0, self.shared.shape[1], ROWS_PER_BLOCK)
            for part in map_in_order(partial(self._shared_part, matrix), starts):
                total += part
                let_go(matrix)
        return total

    def _shared_part(self, matrix: Matrix, start: int) -> NDArray[np.float64]:
        rows = slice(start, min(start + ROWS_PER_BLOCK, self.shared.shape[1]))
        part: NDArray[np.float64] = self.shared[:, rows] @ np.asarray(matrix[rows], np.float64)
        return part

    def _block(self, matrix: Matrix, shared_rows: NDArray[np.float64], rows: slice) -> Floats:
        weights = self.weights[rows]
        used, columns = np.unique(weights.indices, return_inverse=True)
        gathered = np.asarray(matrix[used], dtype=np.float64)
        compact = csr_array((weights.data, columns, weights.indptr), shape=(weights.shape[0], len(used)))
        result = compact @ gathered
        if self.shared_weights.nnz:
            result += self.shared_weights[rows] @ shared_rows
        # A sum that starts at 0.0 turns -0.0 into 0.0, so a copy is assigned instead of summed.
        copied = np.flatnonzero(self.origins[rows] == Origin.COPIED)
        result[copied] = gathered[columns[weights.indptr[copied]]]
        return np.asarray(result, dtype=np.float32)

    def save(self, path: Path) -> None:
        """Write everything to one `.npz` file (no pickle)."""
        arrays: dict[str, NDArray[np.generic]] = {"origins": self.origins, "evidence": self.evidence}
        for name in ("weights", "shared", "shared_weights"):
            matrix: csr_array = getattr(self, name)
            arrays |= {
                f"{name}.data": matrix.data,
                f"{name}.indices": matrix.indices.astype(np.int64),
                f"{name}.indptr": matrix.indptr.astype(np.int64),
                f"{name}.shape": np.array(matrix.shape, np.int64),
            }
        with path.open("wb") as sink:
            np.savez_compressed(sink, **arrays)  # type: ignore[arg-type]  # numpy types the flag, not the arrays

    @classmethod
    def load(cls, path: Path) -> Alignment:
        """Read what `save` wrote."""
        try:
            # Opened here, because numpy leaves a file open that it cannot read.
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                arrays = dict(file)
            parts = {
                name: csr_array(
                    (arrays[f"{name}.data"], arrays[f"{name}.indices"], arrays[f"{name}.indptr"]),
                    shape=tuple(arrays[f"{name}.shape"]),
                )
                for name in ("weights", "shared", "shared_weights")
            }
            for part in parts.values():
                part.check_format(full_check=True)
            return cls(**parts, origins=arrays["origins"], evidence=arrays["evidence"])
        except (OSError, EOFError, ValueError, TypeError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise InputError(f"{path} is not an alignment that vocabx wrote: {loading_fault(error)}.") from error


class Aligner(Protocol):
    """Relates new tokens to source tokens."""

    def align(self, transfer: Transfer) -> Alignment:
        """Return the weights of the N new tokens over the S source tokens, using only usable source rows."""
