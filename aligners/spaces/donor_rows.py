"""DonorRows: another model's input rows as vectors of tokens (CLP, OMP)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from vocabx.aligners.space import TokenVectors
from vocabx.aligners.spaces.shared import require_shared
from vocabx.core.arrays import Bools, Floats, Ints
from vocabx.core.errors import InputError
from vocabx.core.tokens import TokenTable
from vocabx.core.transfer import Donor, Transfer

__all__ = ["DonorRows"]


@dataclass(frozen=True)
class DonorRows:
    """Give a token the donor's row of the same bytes (Ostendorff and Rehm 2023; 2506.06607).

    Attributes
    ----------
    compose : bool
        Give a token that the donor lacks the mean of its pieces' rows there. The pieces are those that the donor cuts
        its bytes into.
    """

    compose: bool = False

    def vectors(self, transfer: Transfer) -> TokenVectors:
        """Return vectors of source and new tokens; raise `InputError` without a donor, or one with no shared token."""
        donor = transfer.materials.donor
        if donor is None:
            raise InputError("This method needs another model that knows the new language. Give it with --donor.")
        usable = donor.embeddings.usable()
        source = self._rows(donor, usable, transfer.source.tokens)
        vectors = TokenVectors(source, self._rows(donor, usable, transfer.new))
        require_shared(vectors, transfer, f"the donor {donor.name}")
        known = int(vectors.new.any(axis=1).sum())
        if not known and len(vectors.new):
            raise InputError(
                f"The donor {donor.name} has none of the {len(vectors.new):,} new tokens. Take one that knows the "
                "language, or make the vectors of its pieces: --method-option compose=yes."
            )
        transfer.say(f"the donor {donor.name} has vectors of {known:,} of {len(vectors.new):,} new tokens")
        return vectors

    def _rows(self, donor: Donor, usable: Bools, tokens: TokenTable) -> Floats:
        matrix = donor.embeddings.rows
        shared = _shared(donor.segmenter.tokens, usable, tokens)
        rows = np.zeros((len(tokens), matrix.shape[1]), np.float32)
        found = np.flatnonzero(shared >= 0)
        rows[found] = matrix[shared[found]].astype(np.float32)
        others = np.flatnonzero((shared < 0) & tokens.is_text)
        if self.compose and len(others):
            pieces = donor.segmenter.segment_surfaces(tokens.select(others))
            used, columns = np.unique(pieces.values, return_inverse=True)
            takes_part = usable[used][columns].astype(np.float32)
            weights = csr_array((takes_part, columns, pieces.starts), shape=(len(others), len(used)))
            counts: Floats = np.asarray(weights.sum(axis=1), np.float32)
            block = np.where(usable[used][:, None], matrix[used].astype(np.float32), 0)
            rows[others] = (weights @ block) / np.maximum(counts, 1)[:, None]
        return rows


def _shared(donor: TokenTable, usable: Bools, tokens: TokenTable) -> Ints:
    """Return for each token the usable donor id with the same bytes and word-initial flag, or -1; shape (tokens,)."""
    known = donor.id_of_surface
    keys = zip(tokens.surfaces, tokens.word_initial.tolist(), strict=True)
    ids = np.fromiter((known.get(key, -1) for key in keys), np.int64, len(tokens))
    return np.where(tokens.is_text & (ids >= 0) & usable[ids], ids, -1)
