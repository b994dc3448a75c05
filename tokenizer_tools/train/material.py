"""What a vocabulary is learned from: counted words and the alphabet that must survive."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from vocabx.core.arrays import Ints
from vocabx.core.errors import CorpusError
from vocabx.tokenizer_tools.surfaces import CHARACTER_OF_BYTE, MARKER, Family
from vocabx.tokenizer_tools.train.blueprint import Blueprint
from vocabx.tokenizer_tools.words import CountedWords, count_words

__all__ = ["Material", "read_material"]

ALPHABET_OF_BYTES = tuple(sorted(CHARACTER_OF_BYTE.values()))
COVERAGE_WITH_BYTES = 0.9995
CUT = "\n"
PRIVATE_PLANES = 0xF0000
"""Code points from here on have no meaning of their own; learners use them for theirs."""


@dataclass(frozen=True)
class Material:
    """What a vocabulary is learned from.

    Attributes
    ----------
    words : CountedWords
        Native words of the whole text.
    parts : tuple of str
        What of them can be spelt with the alphabet; a pair of tokens is never counted across parts.
    counts : ndarray of int64, shape (parts,)
    alphabet : tuple of str
        Characters that get a token each, sorted.
    coverage : float
        Share of the text's native characters that are in the alphabet.
    bytes : int
        Length of the text in UTF-8.
    """

    words: CountedWords
    parts: tuple[str, ...]
    counts: Ints
    alphabet: tuple[str, ...]
    coverage: float
    bytes: int

    def repeated(self, translate: Callable[[str], str] = str, at_once: int = 4096) -> Iterator[str]:
        """Yield each part as often as it was counted, many to a string, cut by line ends."""
        for part, count in zip(self.parts, self.counts.tolist(), strict=True):
            text = translate(part) + CUT
            whole, rest = divmod(count, at_once)
            for _ in range(whole):
                yield text * at_once
            if rest:
                yield text * rest


@dataclass
class _Tally:
    """Streams lines through and counts their bytes."""

    batches: Iterable[Sequence[str]]
    compose: bool
    bytes: int = field(default=0, init=False)

    def __iter__(self) -> Iterator[Sequence[str]]:
        for batch in self.batches:
            lines = [unicodedata.normalize("NFC", line) for line in batch] if self.compose else batch
            self.bytes += sum(len(line.encode()) for line in lines)
            yield lines


def read_material(
    blueprint: Blueprint,
    batches: Iterable[Sequence[str]],
    *,
    compose: bool,
    coverage: float | None,
    progress: Callable[[int], None] | None = None,
) -> Material:
    """Count the words of streamed lines as the blueprint's pipeline gives them, and choose the alphabet.

    Only distinct words are held.

    Raises
    ------
    CorpusError
        When there is no text, or when the normaliser leaves nothing of it.
    """
    tally = _Tally(batches, compose)
    words = count_words(blueprint.reader, tally, compose=False, progress=progress)
    if not words.words:
        raise CorpusError(
            "The corpus holds no text."
            if not words.characters
            else "Nothing is left of the corpus: the tokenizer's normaliser and pre-tokenizer remove all of its text."
        )
    if blueprint.is_byte_level:
        return Material(words, words.words, words.counts, ALPHABET_OF_BYTES, 1.0, tally.bytes)
    characters = _count_characters(words)
    alphabet = _alphabet(characters, blueprint, coverage)
    parts = Counter[str]()
    keeps_parts = blueprint.family is not Family.WORDPIECE  # there a word with one unknown character is unknown
    outside = str.maketrans({character: CUT for character in characters.keys() - set(alphabet)})
    for word, count in zip(words.words, words.counts.tolist(), strict=True):
        found = word.translate(outside).split(CUT) if outside else [word]
        if len(found) == 1 or keeps_parts:
            parts.update({part: 0 for part in found if part})
            for part in filter(None, found):
                parts[part] += count
    ordered = sorted(parts.items(), key=lambda pair: (-pair[1], pair[0]))
    covered = sum(characters[character] for character in alphabet) / max(characters.total(), 1)
    counts = np.fromiter((count for _, count in ordered), np.int64, len(ordered))
    return Material(words, tuple(part for part, _ in ordered), counts, alphabet, covered, tally.bytes)


def _count_characters(words: CountedWords) -> Counter[str]:
    characters = Counter[str]()
    for word, count in zip(words.words, words.counts.tolist(), strict=True):
        for character in word:
            characters[character] += count
    return characters


def _alphabet(characters: Counter[str], blueprint: Blueprint, coverage: float | None) -> tuple[str, ...]:
    """Take characters, the most frequent first, until their share of the text is `coverage`."""
    if coverage is None:
        coverage = COVERAGE_WITH_BYTES if blueprint.has_bytes else 1.0
    special = {token.text for token in blueprint.special}
    usable = [
        (character, count)
        for character, count in sorted(characters.items(), key=lambda pair: (-pair[1], pair[0]))
        if character not in special
        and (unicodedata.category(character) != "Cc" or character in blueprint.controls)
        and ord(character) < PRIVATE_PLANES
    ]
    totals = np.cumsum([0, *(count for _, count in usable)])
    enough = int(np.searchsorted(totals, coverage * totals[-1], side="left"))
    marker = {MARKER} if blueprint.family.marks_spaces else set()
    return tuple(sorted({character for character, _ in usable[:enough]} | marker))
