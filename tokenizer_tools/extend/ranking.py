"""Rank candidates by what they save, for vocabularies whose tokens are made of nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from vocabx.core.arrays import Bools, Ints
from vocabx.tokenizer_tools.extend.merges import Merge
from vocabx.tokenizer_tools.extend.selection import Selection
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.surfaces import CONTINUATION, Family
from vocabx.tokenizer_tools.words import CountedWords

__all__ = ["order_by_formation", "rank_by_use"]

SHRINK = 0.8
"""Share of the candidates that stays in each round, as long as more than wanted are left."""


def rank_by_use(
    build: Callable[[Sequence[str]], tuple[FastSegmenter, Ints]],
    words: CountedWords,
    candidates: Sequence[str],
    vocabulary: Collection[str],
    *,
    size: int,
    family: Family,
    required: Collection[str] = (),
) -> tuple[str, ...]:
    """Order candidates so that the first `size` of them save most tokens.

    What a piece saves is how often it is used times the tokens that take its place without it. The least useful
    fifth is dropped, the words are segmented anew, and so on until `size` are left: a piece that others make
    superfluous goes, as in the pruning of Unigram training (Kudo 2018, section 3.2).

    Parameters
    ----------
    build : callable
        Makes a tokenizer with some of the pieces, and says which ids they have, ascending.
    words : CountedWords
    candidates : sequence of str
    vocabulary : collection of str
        Pieces of the source.
    size : int
        Pieces wanted.
    family : Family
    required : collection of str
        Candidates that come first whatever they save.
    """
    pool, dropped = np.arange(len(candidates)), list[str]()
    uses = _Uses(words, len(candidates))
    while True:
        pieces = [candidates[i] for i in pool.tolist()]
        extended, ids = build(pieces)
        used = uses.count(extended, ids, pool)
        known = {*vocabulary, *pieces}
        costs = np.fromiter((_shortest_split(piece, known, family) for piece in pieces), np.int64, len(pieces))
        saved = used * np.maximum(costs - 1, 1)
        saved[[piece in required for piece in pieces]] = np.inf
        order = np.argsort(-saved, kind="stable")
        stay = max(size, int(len(pool) * SHRINK)) if len(pool) > size else len(pool)
        dropped[:0] = [pieces[i] for i in order[stay:]]
        if stay == len(pool):
            return (*(pieces[i] for i in order), *dropped)
        pool = pool[np.sort(order[:stay])]
        uses.forget(np.isin(np.arange(len(candidates)), pool, invert=True))


class _Uses:
    """Which words use which candidates; a word is segmented anew only when a candidate that it uses is gone."""

    def __init__(self, words: CountedWords, candidates: int) -> None:
        self._words = words
        self._candidates = candidates
        self._waiting: Ints = np.arange(len(words.words))
        self._rows: Ints = np.zeros(0, np.int64)
        self._used: Ints = np.zeros(0, np.int64)

    def count(self, extended: FastSegmenter, ids: Ints, pool: Ints) -> NDArray[np.float64]:
        """Count how often each candidate of the pool is used; `ids` says what the tokenizer calls it."""
        encoded = extended.encode_words([self._words.words[row] for row in self._waiting])
        is_new = np.isin(encoded.values, ids)
        self._rows = np.concatenate([self._rows, self._waiting[encoded.row_of_value[is_new]]])
        self._used = np.concatenate([self._used, pool[np.searchsorted(ids, encoded.values[is_new])]])
        self._waiting = self._waiting[:0]
        counts = np.bincount(self._used, weights=self._words.counts[self._rows], minlength=self._candidates)
        return np.asarray(counts[pool], np.float64)

    def forget(self, gone: Bools) -> None:
        """Forget the words that use candidates which are gone."""
        self._waiting = np.unique(self._rows[gone[self._used]])
        kept = np.isin(self._rows, self._waiting, invert=True)
        self._rows, self._used = self._rows[kept], self._used[kept]


def _shortest_split(piece: str, vocabulary: Collection[str], family: Family) -> int:
    """Return the fewest pieces of the vocabulary, other than itself, that spell a piece; its length if none do."""
    continues = family is Family.WORDPIECE
    prefix = CONTINUATION if continues and piece.startswith(CONTINUATION) else ""
    text = piece[len(prefix) :]
    fewest = [0] + [len(text)] * len(text)
    for end in range(1, len(text) + 1):
        for start in range(end):
            part = (CONTINUATION if continues and start else prefix) + text[start:end]
            if fewest[start] + 1 < fewest[end] and part != piece and part in vocabulary:
                fewest[end] = fewest[start] + 1
    return fewest[-1]


def order_by_formation(
    characters: Sequence[str], merges: Sequence[Merge], uses: NDArray[np.float64], selection: Selection
) -> tuple[str, ...]:
    """Order characters among merges by the tokens that each saves when it is formed.

    A piece is formed as often as it is used and as all pieces are that it is merged into. A merge saves one token each
    time, a character that was spelt in bytes saves all but one of them.

    Parameters
    ----------
    characters : sequence of str
    merges : sequence of Merge
        In the order they were learned.
    uses : ndarray, shape (N,)
        How often each piece of `selection`, which holds all characters and merges, is used in the text.
    """
    formed = dict(zip(selection.pieces, uses.tolist(), strict=True))
    for piece in reversed(selection.pieces):
        merge = selection.parts.get(piece)
        for part in (merge.left, merge.right) if merge else ():
            if part in formed:
                formed[part] += formed[piece]
    saved = {piece: formed[piece] for piece in dict.fromkeys(m.result for m in merges) if piece in formed}
    saved |= {character: formed[character] * (len(character.encode()) - 1) for character in characters}
    place_of = {piece: place for place, piece in enumerate(selection.pieces)}
    return tuple(sorted(saved, key=lambda piece: (-saved[piece], place_of[piece])))
