"""The alphabet of a new language: characters that a vocabulary lacks, and must have before it can join them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from vocabx.core.arrays import Bools, Ints
from vocabx.core.scripts import characters_of_scripts
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.surfaces import CONTINUATION, Family
from vocabx.tokenizer_tools.words import CountedWords, word_characters

__all__ = ["missing_characters"]


def missing_characters(
    segmenter: FastSegmenter, words: CountedWords, scripts: Iterable[str], minimum_frequency: int
) -> Mapping[str, int]:
    """Count the pieces of single characters that words need and the vocabulary lacks, the most frequent first.

    Only characters of `scripts` count, or all when there are none. In WordPiece a character has two pieces, one at
    the start of a word and one inside it. A byte-level vocabulary lacks no character.
    """
    if segmenter.family is Family.BYTE_LEVEL or not words.words:
        return {}
    characters = word_characters(words.words, segmenter.family)
    scripts = tuple(scripts)
    wanted = characters_of_scripts(characters.codes, scripts) if scripts else characters.codes > ord(" ")
    counts = words.counts[characters.words]
    if segmenter.family is not Family.WORDPIECE:
        found = _count(characters.codes, counts, wanted, "")
    else:
        opens = np.diff(characters.words, prepend=-1) != 0
        found = _count(characters.codes, counts, wanted & opens, "")
        found |= _count(characters.codes, counts, wanted & ~opens, CONTINUATION)
    known = frozenset(segmenter.tokens.pieces)
    missing = {piece: n for piece, n in found.items() if n >= minimum_frequency and piece not in known}
    return dict(sorted(missing.items(), key=lambda pair: (-pair[1], pair[0])))


def _count(codes: np.ndarray, counts: Ints, wanted: Bools, prefix: str) -> dict[str, int]:
    distinct, place = np.unique(codes[wanted], return_inverse=True)
    totals = np.bincount(place, weights=counts[wanted], minlength=len(distinct))
    return {prefix + chr(code): int(total) for code, total in zip(distinct.tolist(), totals.tolist(), strict=True)}
