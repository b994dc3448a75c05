"""Overlap: a token that the base has under any spelling keeps its row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from vocabx.core.alignment import Aligner, Alignment, Origin
from vocabx.core.arrays import Bools, Ints
from vocabx.core.segmenter import Segmenter
from vocabx.core.tokens import TokenTable

__all__ = ["Overlap", "shared_ids"]


def shared_ids(source: TokenTable, new: TokenTable, usable: Bools) -> Ints:
    """Return for each new token the usable source id with the same bytes and word-initial flag, or -1; shape (N,)."""
    known = source.id_of_surface
    keys = zip(new.surfaces, new.word_initial.tolist(), strict=True)
    ids = np.fromiter((known.get(key, -1) for key in keys), np.int64, len(new))
    return np.where((ids >= 0) & usable[ids], ids, -1)


@dataclass(frozen=True)
class Overlap:
    """Copy the rows of tokens that both vocabularies have, by exact bytes; ask another aligner for the rest."""

    otherwise: Aligner

    def align(self, source: Segmenter, new: TokenTable, usable: Bools) -> Alignment:
        """Return one weight of 1 for a shared token, and the other aligner's weights for the rest."""
        ids = shared_ids(source.tokens, new, usable)
        rest = self.otherwise.align(source, new, usable)
        copied = ids >= 0
        keep = np.where(copied, 0.0, 1.0)
        ones = csr_array((np.ones(int(copied.sum())), (np.flatnonzero(copied), ids[copied])), shape=rest.weights.shape)
        others = csr_array(rest.weights.multiply(keep[:, None]))
        others.eliminate_zeros()
        shared = csr_array(rest.shared_weights.multiply(keep[:, None]))
        shared.eliminate_zeros()
        return Alignment.build(
            others + ones,
            shared=rest.shared,
            shared_weights=shared,
            origins=np.where(copied, Origin.COPIED, rest.origins),
            evidence=np.where(copied, 1, rest.evidence),
        )
