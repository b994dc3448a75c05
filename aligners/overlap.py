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
        copied = np.flatnonzero(ids >= 0)
        ones, rows = np.ones(len(copied)), np.arange(len(copied))
        copies = Alignment.build(
            csr_array((ones, (rows, ids[copied])), shape=(len(copied), len(transfer.usable))),
            origins=np.full(len(copied), Origin.COPIED),
            evidence=np.ones(len(copied), np.int64),
        )
        return self.otherwise.align(transfer).with_rows(copied, copies)
