"""How well aligned word vectors translate words that the alignment has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vocabx.aligners.spaces.csls import crowding, nearest_by_csls
from vocabx.aligners.spaces.procrustes import (
    Procrustes,
    Rows,
    identical_words,
    joined,
    matched_rows,
    most_frequent,
)
from vocabx.aligners.spaces.word_vectors import WordVectors
from vocabx.core.arrays import Bools, Ints
from vocabx.core.neighbours import nearest_by_cosine

__all__ = ["Translation", "measure_translation", "split_pairs"]

CANDIDATES = 20_000
"""Most frequent target words that a translation is sought among."""

MOST_HELD_OUT = 1_000
HELD_OUT_SHARE = 0.2
NEAREST = 5


@dataclass(frozen=True)
class Translation:
    """Shares of held-out words that have a translation of the dictionary among their nearest target words.

    Attributes
    ----------
    words : int
        Held-out words; with fewer than a hundred the shares say little.
    candidates : int
        Target words that a translation was sought among.
    first, five : float
        Among the nearest one, and five, by cosine.
    first_csls, five_csls : float
        The same by CSLS, which corrects for words that are near to everything.
    """

    words: int
    candidates: int
    first: float
    five: float
    first_csls: float
    five_csls: float

    def __str__(self) -> str:
        return (
            f"of {self.words:,} held-out words {self.first:.1%} have their translation nearest and {self.five:.1%} "
            f"among five (by CSLS {self.first_csls:.1%} and {self.five_csls:.1%}) of {self.candidates:,} words"
        )


def split_pairs(
    pairs: Sequence[tuple[str, str]], generator: np.random.Generator
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Split pairs into those to align by and those to measure on; no source word, in any case, is in both."""
    words = sorted({source.lower() for source, _ in pairs})
    held_out_count = min(MOST_HELD_OUT, int(HELD_OUT_SHARE * len(words)))
    held_out = {words[place] for place in generator.permutation(len(words))[:held_out_count].tolist()}
    kept = [pair for pair in pairs if pair[0].lower() not in held_out]
    return kept, [pair for pair in pairs if pair[0].lower() in held_out]


def measure_translation(
    procrustes: Procrustes,
    source: WordVectors,
    target: WordVectors,
    pairs: Sequence[tuple[str, str]],
    generator: np.random.Generator,
    cases: bool = True,
    identical: bool = False,
) -> Translation | None:
    """Align by four fifths of the dictionary's words and translate the rest; None where there are too few pairs.

    Parameters
    ----------
    procrustes : Procrustes
    source, target : WordVectors
    pairs : sequence of (str, str)
    generator : Generator
        Draws the words that are held out.
    cases : bool
        As in `matched_rows`, for the words to align by.
    identical : bool
        Also align by words that both sides spell alike, but for those held out.
    """
    frequent = most_frequent(target, CANDIDATES)
    place = np.full(len(target) + 1, -1, np.int64)  # the last is for words that are not there, whose row is -1
    place[frequent] = np.arange(len(frequent))
    known = [pair for pair in pairs if pair[0] in source.row_of and place[target.row_of.get(pair[1], -1)] >= 0]
    kept, held_out = split_pairs(known, generator)
    training = matched_rows(kept, source, target, cases)
    if not len(training[0]) or not held_out:
        return None
    own, other = matched_rows(held_out, source, target, cases=False)
    if identical:
        alike = identical_words(source, target)
        seen = ~np.isin(alike[0], own)
        training = joined(training, (alike[0][seen], alike[1][seen]))
    rotation = procrustes.fit(source, target, training)
    words = np.unique(own)
    keys = target.rows[frequent]
    queries = source.rows[words] @ rotation
    by_cosine, _ = nearest_by_cosine(queries, keys, NEAREST)
    everyone = source.rows[most_frequent(source, CANDIDATES)] @ rotation
    by_csls, _ = nearest_by_csls(queries, keys, crowding(keys, everyone), NEAREST)
    right = [_hits(words, found, (own, place[other])) for found in (by_cosine, by_csls)]
    shares = [float(hits[:, :nearest].any(axis=1).mean()) for hits in right for nearest in (1, NEAREST)]
    return Translation(len(words), len(frequent), *shares)


def _hits(words: Ints, found: Ints, answers: Rows) -> Bools:
    """Mark the found words that are a right answer, in the shape of `found`."""
    wide = int(max(found.max(initial=0), answers[1].max(initial=0))) + 1
    return np.isin(words[:, None] * wide + found, answers[0] * wide + answers[1])
