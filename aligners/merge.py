"""Merge: a new token is made of the parts it was merged from, down to tokens that the base has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from vocabx.aligners.counts import normalise_rows
from vocabx.aligners.fallback import mean_where_empty
from vocabx.core.alignment import Alignment
from vocabx.core.arrays import Ints
from vocabx.core.errors import InputError
from vocabx.core.transfer import Transfer

__all__ = ["Merge"]


@dataclass(frozen=True)
class Merge:
    """Halve a token's weight between the two parts of its merge, and theirs again, until the base has the parts.

    The heuristic of Yamaguchi et al. (2406.11477): ((x, y), z) weighs its parts 1/4, 1/4 and 1/2. Several merges that
    make the same token share its weight alike. A part that the base lacks and that no merge makes gives its weight
    to the base's pieces of its bytes.

    Notes
    -----
    Each row is convex. Published scripts give the output head the input rows of nested parts, and zero to a token
    that they cannot resolve; weights that serve both matrices do neither.
    """

    def align(self, transfer: Transfer) -> Alignment:
        """Return weights of N new tokens; evidence counts the distinct parts that the base has.

        Raises
        ------
        InputError
            When the tokenizer is not made of merges.
        """
        merges = transfer.target.merges
        if not len(merges):
            raise InputError(
                "The method merge follows the merges of a BPE tokenizer, and this tokenizer has none: use constituents "
                "instead."
            )
        leaves = _leaves(transfer.new_ids, _halves(merges, transfer.shared))
        weights = csr_array(leaves @ _rows_of_leaves(transfer, leaves))
        return mean_where_empty(normalise_rows(weights), np.diff(leaves.indptr).astype(np.int64), transfer.usable)


def _halves(merges: Ints, shared: Ints) -> csr_array:
    """Return how much of each target token goes to each other in one step, shape (T, T); shared tokens stay whole."""
    left, right, joined = merges[shared[merges[:, 2]] < 0].T
    ways = np.bincount(joined, minlength=len(shared))
    halves = 0.5 / ways[joined]
    cells = (np.concatenate([joined, joined]), np.concatenate([left, right]))
    return csr_array((np.concatenate([halves, halves]), cells), shape=(len(shared), len(shared)))


def _leaves(new_ids: Ints, halves: csr_array) -> csr_array:
    """Return how much of each new token is each target token that is not taken apart, shape (N, T)."""
    rows = np.arange(len(new_ids))
    moving = csr_array((np.ones(len(new_ids)), (rows, new_ids)), shape=(len(new_ids), halves.shape[0]))
    is_leaf = np.diff(halves.indptr) == 0
    leaves = csr_array(moving.shape)
    while moving.nnz:  # it ends, because a part is shorter than the whole
        resting = csr_array(moving.multiply(is_leaf))
        resting.eliminate_zeros()
        leaves = csr_array(leaves + resting)
        moving = csr_array(moving @ halves)
    return leaves


def _rows_of_leaves(transfer: Transfer, leaves: csr_array) -> csr_array:
    """Return the weights of those target tokens that are leaves, shape (T, S)."""
    used = np.unique(leaves.indices).astype(np.int64)
    known, unknown = used[transfer.shared[used] >= 0], used[transfer.shared[used] < 0]
    pieces = transfer.source.segment_surfaces(transfer.target.tokens.select(unknown))
    usable = transfer.usable[pieces.values]
    rows = np.concatenate([known, unknown[pieces.row_of_value[usable]]])
    columns = np.concatenate([transfer.shared[known], pieces.values[usable]])
    shape = (len(transfer.target.tokens), len(transfer.source.tokens))
    return normalise_rows(csr_array((np.ones(len(rows)), (rows, columns)), shape=shape))
