"""Vectors that the target's tokens have, given to source tokens too."""

from __future__ import annotations

import numpy as np

from vocabx.aligners.space import TokenVectors
from vocabx.core.arrays import Floats, check_shape
from vocabx.core.errors import InputError
from vocabx.core.transfer import Transfer

__all__ = ["lift", "require_shared"]


def lift(vectors: Floats, transfer: Transfer) -> TokenVectors:
    """Give a source token the vector of the target token that it shares, by exact bytes.

    Parameters
    ----------
    vectors : ndarray of float32, shape (T, d)
        Of the target's tokens; zero where nothing is known.
    transfer : Transfer

    Returns
    -------
    TokenVectors
        The new tokens' own vectors; source tokens that the target lacks have none.
    """
    target = transfer.target.tokens
    check_shape("vectors of the target's tokens", vectors, len(target), None)
    known = np.flatnonzero((transfer.shared >= 0) & vectors.any(axis=1))
    # A byte and a character may share one source token: the last that is written stays, so normal pieces come last.
    order = known[np.lexsort((-known, -target.kinds[known].astype(np.int64)))]
    source = np.zeros((len(transfer.source.tokens), vectors.shape[1]), np.float32)
    source[transfer.shared[order]] = vectors[order]
    return TokenVectors(source, np.asarray(vectors[transfer.new_ids], np.float32))


def require_shared(vectors: TokenVectors, transfer: Transfer, what: str) -> None:
    """Raise `InputError` unless a usable source token has a vector."""
    if not vectors.source[transfer.usable].any():
        raise InputError(f"No usable token of the base has a vector in {what}, so nothing can be made of it.")
