"""Distinct words of a text with their counts: what the model of a tokenizer sees, each word once."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vocabx.core.arrays import Bools, Ints, Ragged
from vocabx.core.scripts import characters_of_scripts
from vocabx.core.tokens import TokenKind
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.surfaces import MARKER, TO_LATIN, Family

__all__ = [
    "CountedWords",
    "EncodedWords",
    "count_words",
    "encode_words",
    "holds_scripts",
    "split_words",
    "word_characters",
    "word_text",
]

# A tokenizer without a pre-tokenizer sees whole lines; a token that crosses a space would be no word of any language.
SPACE_CLASS = -1
MARKED_WORD = re.compile(f"{MARKER}*[^{MARKER}]+|{MARKER}+")


@dataclass(frozen=True)
class CountedWords:
    """Native words (what `split_words` gives), the most frequent first, then by spelling.

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
    begins_run : ndarray of bool, shape (tokens of all words,)
        Whether letters end and something else begins before the token, or the other way round, or the token before
        it or the token itself is a byte: no new token should cross that border. Tokenizers with a pre-tokenizer of
        their own cut there themselves where they mean to.
    """

    words: CountedWords
    ids: Ragged
    is_new: Bools
    begins_run: Bools


def split_words(segmenter: FastSegmenter) -> Callable[[str], list[str]]:
    """Return what splits a line into native words: pre-tokens, cut before every run of markers for a space too."""
    split = segmenter.plain_words
    if not segmenter.family.marks_spaces:
        return split
    return lambda line: [word for part in split(line) for word in MARKED_WORD.findall(part)]


def count_words(
    segmenter: FastSegmenter,
    batches: Iterable[Sequence[str]],
    *,
    compose: bool,
    progress: Callable[[int], None] | None = None,
) -> CountedWords:
    """Count the words of streamed lines; `compose` applies Unicode NFC first.

    Only distinct words are held. `progress` is told the number of lines done.
    """
    counts: Counter[str] = Counter()
    split = split_words(segmenter)
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

    One pass over all words, no loop over tokens. A word that the vocabulary cannot spell, because it lacks one of
    its bytes or characters, is left out.
    """
    ids = segmenter.encode_words(words.words)
    lengths = segmenter.tokens.surface_lengths[ids.values]
    spelt = np.bincount(ids.row_of_value, weights=lengths, minlength=len(words.words))
    characters = word_characters(words.words, segmenter.family)
    is_whole = (spelt == np.diff(characters.borders)) & ~_holds_unknown(segmenter, ids)
    if not is_whole.all():
        chosen = tuple(word for word, whole in zip(words.words, is_whole, strict=True) if whole)
        words = replace(words, words=chosen, counts=words.counts[is_whole])
        characters = word_characters(chosen, segmenter.family)
        of_chosen = is_whole[ids.row_of_value]
        ids = Ragged(ids.values[of_chosen], np.concatenate([[0], np.cumsum(ids.lengths[is_whole])]))
        lengths = lengths[of_chosen]
    counts_before = characters.count_before(scripts)
    ends = np.cumsum(lengths)
    is_new = counts_before[ends] > counts_before[ends - lengths]
    begins_run = np.zeros(len(ends), np.bool_)
    if segmenter.family.marks_spaces:
        is_byte = segmenter.tokens.kinds[ids.values] == TokenKind.BYTE
        begins_run = characters.changes_class(ends - lengths) | is_byte
        begins_run[1:] |= is_byte[:-1]
    return EncodedWords(words, ids, is_new, begins_run)


def _holds_unknown(segmenter: FastSegmenter, ids: Ragged) -> Bools:
    unknown = segmenter.roles.get("unk", -1)
    return np.bincount(ids.row_of_value[ids.values == unknown], minlength=len(ids)) > 0


def holds_scripts(words: Sequence[str], scripts: Iterable[str], family: Family) -> Bools:
    """Mark the native words that hold a character of `scripts`, shape (words,)."""
    characters = word_characters(words, family)
    return np.asarray(np.diff(characters.count_before(scripts)[characters.borders]) > 0)


def word_text(word: str, family: Family) -> str:
    """Spell a native word as text; some pre-tokenizers cut characters in two, and those show as U+FFFD."""
    if family is Family.BYTE_LEVEL:
        return word.translate(TO_LATIN).encode("latin-1").decode(errors="replace")
    return word.replace(MARKER, " ") if family.marks_spaces else word


@dataclass(frozen=True)
class WordCharacters:
    """The characters of words that are written one after another.

    Attributes
    ----------
    codes : ndarray of uint32, shape (characters,)
        Code points; a byte that belongs to no character stands as a lone surrogate.
    widths : ndarray of int64, shape (characters,)
        Bytes of each character.
    borders : ndarray of int64, shape (words + 1,)
        Where each word begins and ends, in bytes.
    """

    codes: NDArray[np.uint32]
    widths: Ints
    borders: Ints

    def count_before(self, scripts: Iterable[str]) -> Ints:
        """Count, before each byte, the bytes that belong to a character of `scripts`, shape (bytes + 1,)."""
        is_wanted = np.repeat(characters_of_scripts(self.codes, scripts), self.widths)
        return np.concatenate([[0], np.cumsum(is_wanted)])

    def changes_class(self, places: Ints) -> Bools:
        """Tell for places, in bytes, whether letters, digits or others end and another of them begins there.

        A marker for a space goes with what follows it.
        """
        distinct, place = np.unique(self.codes, return_inverse=True)
        classes = np.fromiter((_character_class(int(code)) for code in distinct), np.int8, len(distinct))[place]
        after = np.repeat(classes, self.widths)
        before = np.concatenate([[SPACE_CLASS], after[:-1]]).astype(np.int8)
        return np.asarray((before[places] != after[places]) & (before[places] != SPACE_CLASS))

    @property
    def words(self) -> Ints:
        """The word that each character belongs to, shape (characters,)."""
        begins = np.cumsum(self.widths) - self.widths
        return np.searchsorted(self.borders, begins, side="right") - 1


def _character_class(code: int) -> int:
    category = unicodedata.category(chr(code))
    return SPACE_CLASS if category == "Zs" else "LN".find(category[0].replace("M", "L")) + 1


def word_characters(words: Sequence[str], family: Family) -> WordCharacters:
    """Take native words apart."""
    joined = "".join(words)
    if family is Family.BYTE_LEVEL:
        text = joined.translate(TO_LATIN).encode("latin-1").decode(errors="surrogateescape")
    else:
        text = word_text(joined, family)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint32)
    is_stray_byte = (codes >= 0xD800) & (codes <= 0xDFFF)
    widths = np.where(is_stray_byte, 1, 1 + (codes > 0x7F).astype(np.int64) + (codes > 0x7FF) + (codes > 0xFFFF))
    ends = np.cumsum([0, *map(len, words)])
    # The characters of a byte-level word are its bytes already.
    borders = ends if family is Family.BYTE_LEVEL else np.concatenate([[0], np.cumsum(widths)])[ends]
    return WordCharacters(codes, widths, borders)
