"""What a token gets when a method found nothing for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, hstack, vstack

from vocabx.core.alignment import Aligner, Alignment, Origin, mean_over
from vocabx.core.arrays import Bools, Ints
from vocabx.core.errors import InputError
from vocabx.core.transfer import Transfer

__all__ = ["Otherwise", "mean_where_empty"]


def mean_where_empty(weights: csr_array, evidence: Ints, usable: Bools) -> Alignment:
    """Give rows without weights the mean of the usable source rows, so that no row is zero.

    Parameters
    ----------
    weights : csr_array, shape (N, S)
        Rows either empty or complete.
    evidence : ndarray of int64, shape (N,)
    usable : ndarray of bool, shape (S,)
    """
    empty = np.flatnonzero(np.diff(weights.indptr) == 0)
    rows, sources = weights.shape
    origins = np.full(rows, Origin.ALIGNED, np.int8)
    origins[empty] = Origin.FALLBACK
    if not len(empty):
        return Alignment.build(weights, origins=origins, evidence=evidence)
    return Alignment.build(
        weights,
        shared=mean_over(np.flatnonzero(usable), sources),
        shared_weights=csr_array((np.ones(len(empty)), (empty, np.zeros_like(empty))), shape=(rows, 1)),
        origins=origins,
        evidence=np.where(origins == Origin.FALLBACK, 0, evidence),
    )


@dataclass(frozen=True)
class Otherwise:
    """Ask one aligner, and a second one for the tokens that the first knows nothing of.

    `share`, from 0 to 1, is how much of the second's weights the rows that the first does know are given as well.
    """

    first: Aligner
    second: Aligner
    share: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise InputError(f"The option constituents must be a share from 0 to 1, not {self.share}.")

    def align(self, transfer: Transfer) -> Alignment:
        """Return the first aligner's weights, and the second's, marked as a fallback, where it found none."""
        alignment = self.first.align(transfer)
        is_missing = alignment.origins == Origin.FALLBACK
        wanted = np.flatnonzero(is_missing | (self.share > 0))
        if not len(wanted):
            return alignment
        rest = self.second.align(transfer.with_new_ids(transfer.new_ids[wanted]))
        if self.share:
            rest = _blended(alignment, rest, np.where(is_missing, 1.0, self.share))
        # A row of the second aligner stays a fallback, whatever evidence it rests on.
        return replace(alignment.with_rows(wanted, rest), origins=alignment.origins)


def _blended(first: Alignment, second: Alignment, shares: NDArray[np.float64]) -> Alignment:
    """Return ``(1 - share) * first + share * second``, row by row; `shares` has shape (N,)."""
    own, other = (diags_array(weights) for weights in (1 - shares, shares))
    return Alignment.build(
        csr_array(own @ first.weights + other @ second.weights),
        shared=csr_array(vstack([first.shared, second.shared], format="csr")),
        shared_weights=csr_array(hstack([own @ first.shared_weights, other @ second.shared_weights], format="csr")),
        evidence=np.where(shares < 1, first.evidence, second.evidence),
    )
