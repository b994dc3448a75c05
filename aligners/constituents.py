"""Constituents: a new token is made of the source pieces that its bytes were made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from vocabx.aligners.fallback import mean_where_empty
from vocabx.core.alignment import Alignment
from vocabx.core.arrays import Bools, Ints, Ragged
from vocabx.core.errors import UnknownNameError
from vocabx.core.transfer import Transfer

__all__ = ["WEIGHTINGS", "Constituents"]

Weighting = Callable[[Ints, Ints, Ints], NDArray[np.float64]]
"""(place from the left, place from the right, bytes of the piece) → weight before normalising, piece by piece."""

WEIGHTINGS: Mapping[str, Weighting] = MappingProxyType(
    {
        "uniform": lambda left, right, size: np.ones(len(left)),
        "length": lambda left, right, size: size.astype(np.float64),
        "late": lambda left, right, size: np.exp(-2.0 * right),
        "early": lambda left, right, size: np.exp(-2.0 * left),
        "first": lambda left, right, size: (left == 0).astype(np.float64),
    }
)


@dataclass(frozen=True)
class Constituents:
    """Weights over the pieces that the base's model cuts the token's bytes into.

    Attributes
    ----------
    weighting : str
        ``uniform``: the plain mean (FVT, Gee et al. 2022). ``length``: by bytes. ``late`` and ``early``: by
        exp(2i) and exp(-2i) for the i-th piece, as AdaptiVocab (2025) does for the input and for the head.
        ``first``: the first piece alone, as EEVE (2402.14714) does for the head.

    Notes
    -----
    Each row is convex. The bytes are segmented, never the tokenizer's own spelling of them, and no dummy prefix is
    added; published scripts feed the spelling to the tokenizer as if it were text. Pieces whose row is unusable are
    left out and the rest share their weight; a token with no piece left gets the mean of the usable rows.

    Examples
    --------
    >>> Constituents("frist")
    Traceback (most recent call last):
        ...
    vocabx.core.errors.UnknownNameError: There is no weighting called 'frist'. Did you mean 'first'? ...
    """

    weighting: str = "uniform"

    def __post_init__(self) -> None:
        if self.weighting not in WEIGHTINGS:
            raise UnknownNameError("weighting", self.weighting, WEIGHTINGS)

    def align(self, transfer: Transfer) -> Alignment:
        """Return the weights of the N new tokens over the S source tokens; evidence counts the pieces."""
        source, new, usable = transfer.source, transfer.new, transfer.usable
        pieces = _keep(source.segment_surfaces(new), usable)
        counts = pieces.lengths  # taken here, because the sparse matrix drops its zeros within `pieces.starts`
        left = np.arange(len(pieces.values)) - pieces.starts[:-1].repeat(counts)
        right = counts.repeat(counts) - 1 - left
        weights = WEIGHTINGS[self.weighting](left, right, source.tokens.surface_lengths[pieces.values])
        totals = np.bincount(pieces.row_of_value, weights=weights, minlength=len(pieces))
        matrix = csr_array(
            (weights / totals[pieces.row_of_value], pieces.values, pieces.starts), shape=(len(new), len(source.tokens))
        )
        matrix.eliminate_zeros()
        return mean_where_empty(matrix, counts, usable)


def _keep(pieces: Ragged, usable: Bools) -> Ragged:
    kept = usable[pieces.values]
    counts = np.bincount(pieces.row_of_value[kept], minlength=len(pieces))
    return Ragged(pieces.values[kept], np.concatenate([[0], np.cumsum(counts)]))
