"""By space: a new token is made of the source tokens around it, in a space where both have vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from vocabx.aligners.fallback import mean_where_empty
from vocabx.aligners.space import Solver, Space
from vocabx.core.alignment import Alignment
from vocabx.core.arrays import Ints
from vocabx.core.errors import InputError
from vocabx.core.transfer import Transfer

__all__ = ["BySpace"]


@dataclass(frozen=True)
class BySpace:
    """Weights over source tokens from vectors that both vocabularies have.

    Attributes
    ----------
    space : Space
        Gives the vectors. Source tokens without one, or whose row is unusable, are no candidates.
    solver : Solver
        Makes the vector of a new token of those of the candidates.
    centre : bool
        Take the mean of all vectors away first, which tells vectors apart that point one way.

    Notes
    -----
    WECHSEL, FOCUS, OFA, CLP, TokAlign and OMP differ in these three choices only. A token without a vector gets the
    mean of the usable rows.
    """

    space: Space
    solver: Solver
    centre: bool = False

    def align(self, transfer: Transfer) -> Alignment:
        """Return the weights of the N new tokens over the S source tokens; evidence counts the sources of a row."""
        vectors = self.space.vectors(transfer)
        if self.centre:
            vectors = vectors.centred()
        candidates = np.flatnonzero(transfer.usable & vectors.source.any(axis=1))
        known = np.flatnonzero(vectors.new.any(axis=1))
        if not len(candidates):
            raise InputError(
                "No source token has a vector, so there is nothing to compare new tokens with; the vectors or the text "
                "belong to another language or tokenizer."
            )
        weights = self.solver.weigh(vectors.new[known], vectors.source[candidates], transfer.say)
        weights = _scattered(weights, known, candidates, (len(transfer.new_ids), len(transfer.usable)))
        return mean_where_empty(weights, np.diff(weights.indptr).astype(np.int64), transfer.usable)


def _scattered(weights: csr_array, rows: Ints, columns: Ints, shape: tuple[int, int]) -> csr_array:
    """Move row i to ``rows[i]``, which ascend, and column j to ``columns[j]``; rows that get nothing stay empty."""
    weights.eliminate_zeros()
    counts = np.zeros(shape[0], np.int64)
    counts[rows] = np.diff(weights.indptr)
    return csr_array((weights.data, columns[weights.indices], np.concatenate([[0], counts.cumsum()])), shape=shape)
