"""Overlap: a token that the base has under any spelling keeps its row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from vocabx.core.alignment import Aligner, Alignment, Origin
from vocabx.core.transfer import Transfer

__all__ = ["Overlap"]


@dataclass(frozen=True)
class Overlap:
    """Copy the rows of tokens that both vocabularies have, by exact bytes; ask another aligner for the rest."""

    otherwise: Aligner

    def align(self, transfer: Transfer) -> Alignment:
        """Return one weight of 1 for a shared token, and the other aligner's weights for the rest."""
        ids = transfer.shared[transfer.new_ids]
        copied, others = np.flatnonzero(ids >= 0), np.flatnonzero(ids < 0)
        ones = np.ones(len(copied))
        copies = Alignment.build(
            csr_array((ones, (copied, ids[copied])), shape=(len(ids), len(transfer.usable))),
            origins=np.where(ids >= 0, Origin.COPIED, Origin.FALLBACK),
            evidence=(ids >= 0).astype(np.int64),
        )
        if not len(others):
            return copies
        return copies.with_rows(others, self.otherwise.align(transfer.with_new_ids(transfer.new_ids[others])))
