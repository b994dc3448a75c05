"""What a token gets when a method found nothing for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from vocabx.core.alignment import Aligner, Alignment, Origin, mean_over
from vocabx.core.arrays import Bools, Ints
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
    """Ask one aligner, and a second one for the tokens that the first knows nothing of."""

    first: Aligner
    second: Aligner

    def align(self, transfer: Transfer) -> Alignment:
        """Return the first aligner's weights, and the second's, marked as a fallback, where it found none."""
        alignment = self.first.align(transfer)
        missing = np.flatnonzero(alignment.origins == Origin.FALLBACK)
        if not len(missing):
            return alignment
        rest = self.second.align(transfer.with_new_ids(transfer.new_ids[missing]))
        # A row of the second aligner stays a fallback, whatever evidence it rests on.
        return replace(alignment.with_rows(missing, rest), origins=alignment.origins)
