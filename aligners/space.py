"""Space: where source tokens and new tokens can be compared; Solver: how a token is made of its neighbours there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array

from vocabx.core.arrays import Floats
from vocabx.core.errors import InputError
from vocabx.core.say import Say, say_nothing
from vocabx.core.transfer import Transfer

__all__ = ["Solver", "Space", "TokenVectors"]


@dataclass(frozen=True)
class TokenVectors:
    """One vector per token in a space that both vocabularies share; a zero row says that nothing is known.

    `source` has shape (S, d) and `new` (N, d), in float32.
    """

    source: Floats
    new: Floats

    def __post_init__(self) -> None:
        if self.source.ndim != 2 or self.new.ndim != 2 or self.source.shape[1] != self.new.shape[1]:
            raise InputError(
                f"Vectors of source tokens have shape {self.source.shape} and those of new tokens {self.new.shape}: "
                "they are not in one space. Give vectors of the same dimension."
            )

    def centred(self) -> TokenVectors:
        """Take the mean of all vectors that are known away from them, so that cosines tell them apart."""
        source, new = (np.asarray(side.any(axis=1)) for side in (self.source, self.new))
        total = self.source[source].sum(axis=0, dtype=np.float64) + self.new[new].sum(axis=0, dtype=np.float64)
        mean = (total / max(int(source.sum() + new.sum()), 1)).astype(np.float32)
        return TokenVectors(
            np.where(source[:, None], self.source - mean, 0), np.where(new[:, None], self.new - mean, 0)
        )


class Space(Protocol):
    """Gives vectors to tokens of both vocabularies."""

    def vectors(self, transfer: Transfer) -> TokenVectors:
        """Return vectors of all S source tokens and all N new tokens."""


class Solver(Protocol):
    """Makes each query of the keys."""

    def weigh(self, queries: Floats, keys: Floats, say: Say = say_nothing) -> csr_array:
        """Return weights, float64 and shape (N, C), of queries (N, d) over keys (C, d); no row of either is zero.

        `say` is told how near the result is to an exact one, where it is not exact.
        """
