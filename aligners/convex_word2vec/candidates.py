"""Candidates: the few source tokens that a new token may be made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from vocabx.core.arrays import Bools, Floats, Ints, Ragged
from vocabx.core.segmenter import Segmenter
from vocabx.core.transfer import Transfer

__all__ = ["choose_anchors", "hold_new_tokens", "largest", "pieces", "translated", "wanted"]

TOKENS_AT_ONCE = 256
WORDS_AT_ONCE = 8192


def choose_anchors(groups: Sequence[Ints], count: int, usable: Bools) -> Ints:
    """Take the first `count` different usable ids of each row, going through the groups in order.

    Parameters
    ----------
    groups : sequence of ndarray of int64, shape (M, any)
        Candidates, best first; -1 stands for none.
    count : int
        K; the first group is taken whole if it is wider.
    usable : ndarray of bool, shape (S,)

    Returns
    -------
    ndarray of int64, shape (M, K)
        Padded with -1.

    Examples
    --------
    >>> choose_anchors([np.array([[3, -1]]), np.array([[1, 3, 2]])], 3, np.ones(4, np.bool_)).tolist()
    [[3, 1, 2]]
    """
    wide = np.concatenate(groups, axis=1)
    wide = np.where((wide >= 0) & usable[wide], wide, -1)
    order = np.argsort(wide, axis=1, kind="stable")
    ordered = np.take_along_axis(wide, order, axis=1)
    repeated = np.zeros(wide.shape, np.bool_)
    np.put_along_axis(repeated, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    wide = np.where(repeated, -1, wide)
    front = np.argsort(wide < 0, axis=1, kind="stable")
    count = max(count, groups[0].shape[1])
    return np.take_along_axis(wide, front, axis=1)[:, :count]


def pieces(weights: csr_array) -> Ints:
    """Return the ids that rows have weights on, heaviest first, shape (M, most in a row), padded with -1."""
    sizes = np.diff(weights.indptr)
    return largest(weights, int(sizes.max(initial=1)))


def largest(weights: csr_array, count: int) -> Ints:
    """Return the ids of each row's largest entries, largest first, shape (M, count), padded with -1."""
    sizes = np.diff(weights.indptr)
    row = np.repeat(np.arange(weights.shape[0]), sizes)
    order = np.lexsort((weights.indices, -weights.data, row))
    place = np.arange(len(row)) - np.repeat(weights.indptr[:-1], sizes)
    found = np.full((weights.shape[0], max(count, 1)), -1, np.int64)
    kept = place < count
    found[row[order][kept], place[kept]] = weights.indices[order][kept]
    return found


def wanted(directions: Floats, keys: Floats, usable: Bools, count: int) -> Ints:
    """Return the usable rows of `keys` (S, d) that point farthest in each direction (M, d), best first."""
    ids = np.flatnonzero(usable)
    count = min(count, len(ids))
    candidates = keys[ids]
    found = np.empty((len(directions), count), np.int64)
    for start in range(0, len(directions), TOKENS_AT_ONCE):
        scores = directions[start : start + TOKENS_AT_ONCE] @ candidates.T
        best = np.argpartition(-scores, count - 1, axis=1)[:, :count]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
        found[start : start + TOKENS_AT_ONCE] = ids[np.take_along_axis(best, order, axis=1)]
    return found


def translated(transfer: Transfer, pairs: Mapping[tuple[str, str], int]) -> csr_array:
    """Count in how many translated words a new token meets a source token, shape (N, S).

    `pairs` are (source word, target word) with how often they were seen. Both are segmented as they stand behind
    a space; a pair is shared out evenly over its source tokens.
    """
    source_words = _words(transfer.source, [source for source, _ in pairs])
    target_words = _words(transfer.target, [target for _, target in pairs])
    new_of = np.full(len(transfer.target.tokens), -1, np.int64)
    new_of[transfer.new_ids] = np.arange(len(transfer.new_ids))
    times = np.fromiter(pairs.values(), np.float64, len(pairs))
    left = _incidence(target_words, new_of, len(transfer.new_ids), np.ones(len(pairs)))
    share = times / np.maximum(source_words.lengths, 1)
    identity = np.where(transfer.usable, np.arange(len(transfer.usable)), -1)
    right = _incidence(source_words, identity, len(transfer.usable), share)
    return csr_array(left.T @ right)


def hold_new_tokens(transfer: Transfer, words: Sequence[str]) -> list[bool]:
    """Whether each word is segmented with a new token."""
    is_new = np.zeros(len(transfer.target.tokens), np.bool_)
    is_new[transfer.new_ids] = True
    tokens = _words(transfer.target, words)
    found = np.bincount(tokens.row_of_value[is_new[tokens.values]], minlength=len(words))
    return [bool(count) for count in found]


def _incidence(words: Ragged, column_of: Ints, columns: int, weights: NDArray[np.float64]) -> csr_array:
    column = column_of[words.values]
    kept = column >= 0
    row = words.row_of_value[kept]
    return coo_array((weights[row], (row, column[kept])), shape=(len(words), columns)).tocsr()


def _words(segmenter: Segmenter, words: Sequence[str]) -> Ragged:
    distinct = list(Counter(words))
    place = {word: index for index, word in enumerate(distinct)}
    rows: list[list[int]] = []
    for start in range(0, len(distinct), WORDS_AT_ONCE):
        ids = segmenter.segment_lines([f" {word}" for word in distinct[start : start + WORDS_AT_ONCE]]).ids
        rows += [ids[index].tolist() for index in range(len(ids))]
    return Ragged.from_rows([rows[place[word]] for word in words])
