"""Distinct pre-tokens of a text with their counts: what BPE sees, each word once."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vocabx.core.arrays import Bools, Ints, Ragged
from vocabx.core.scripts import characters_of_scripts
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.surfaces import TO_LATIN

__all__ = ["CountedWords", "EncodedWords", "count_words", "encode_words", "holds_scripts", "word_text"]


@dataclass(frozen=True)
class CountedWords:
    """Native words (what the pre-tokenizer gives), the most frequent first, then by spelling.

    `counts` has shape (words,); `lines` and `characters` are those of the whole text.
    """

    words: tuple[str, ...]
    counts: Ints
    lines: int
    characters: int


@dataclass(frozen=True)
class EncodedWords:
    """Words as source ids.

    Attributes
    ----------
    words : CountedWords
    ids : Ragged
        Source ids of each word.
    is_new : ndarray of bool, shape (tokens of all words,)
        Whether the token, where it stands, holds at least one byte of a character of the wanted scripts.
    """

    words: CountedWords
    ids: Ragged
    is_new: Bools


def count_words(
    segmenter: FastSegmenter,
    batches: Iterable[Sequence[str]],
    *,
    compose: bool,
    progress: Callable[[int], None] | None = None,
) -> CountedWords:
    """Count the pre-tokens of streamed lines; `compose` applies Unicode NFC first.

    Only distinct words are held. `progress` is told the number of lines done.
    """
    counts: Counter[str] = Counter()
    split = segmenter.plain_words
    lines = characters = 0
    for batch in batches:
        for line in batch:
            text = unicodedata.normalize("NFC", line) if compose else line
            counts.update(split(text))
            characters += len(text)
        lines += len(batch)
        if progress:
            progress(lines)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    words = tuple(word for word, _ in ordered)
    return CountedWords(words, np.fromiter((count for _, count in ordered), np.int64, len(words)), lines, characters)


def encode_words(segmenter: FastSegmenter, words: CountedWords, scripts: Iterable[str]) -> EncodedWords:
    """Segment every distinct word once and mark where characters of `scripts` stand.

    It works on byte-level words, whose native characters are bytes: one pass over all words, no loop over tokens.
    A word that the vocabulary cannot spell, because it lacks one of its bytes, is left out.
    """
    ids = segmenter.encode_words(words.words)
    lengths = segmenter.tokens.surface_lengths[ids.values]
    spelt = np.bincount(ids.row_of_value, weights=lengths, minlength=len(words.words))
    is_whole = spelt == np.fromiter(map(len, words.words), np.int64, len(words.words))
    if not is_whole.all():
        chosen = tuple(word for word, whole in zip(words.words, is_whole, strict=True) if whole)
        return encode_words(segmenter, replace(words, words=chosen, counts=words.counts[is_whole]), scripts)
    counts_before = _count_before(words.words, scripts)
    ends = np.cumsum(lengths)
    return EncodedWords(words, ids, counts_before[ends] > counts_before[ends - lengths])


def holds_scripts(words: Sequence[str], scripts: Iterable[str]) -> Bools:
    """Mark the byte-level words that hold a character of `scripts`, shape (words,)."""
    borders = np.cumsum([0, *map(len, words)])
    counts_before = _count_before(words, scripts)
    return np.asarray(np.diff(counts_before[borders]) > 0)


def word_text(word: str) -> str:
    """Spell a byte-level word as text; some pre-tokenizers cut characters in two, and those show as U+FFFD."""
    return word.translate(TO_LATIN).encode("latin-1").decode(errors="replace")


def _count_before(words: Sequence[str], scripts: Iterable[str]) -> Ints:
    """Count, before each byte of the joined words, the bytes that belong to a character of `scripts`."""
    text = "".join(words).translate(TO_LATIN).encode("latin-1").decode(errors="surrogateescape")
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint32)
    is_stray_byte = (codes >= 0xD800) & (codes <= 0xDFFF)
    widths = np.where(is_stray_byte, 1, 1 + (codes > 0x7F) + (codes > 0x7FF) + (codes > 0xFFFF))
    is_wanted = np.repeat(characters_of_scripts(codes, scripts), widths)
    return np.concatenate([[0], np.cumsum(is_wanted)])
