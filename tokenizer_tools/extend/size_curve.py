"""The size curve: what texts take in tokens, by how many tokens are added."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vocabx.core.arrays import Ints
from vocabx.tokenizer_tools.extend.growth import Growth, size_grid
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.words import CountedWords, count_words

__all__ = ["SizeCurve", "TextCurve", "measure_sizes"]


@dataclass(frozen=True)
class TextCurve:
    """One text at every size.

    Attributes
    ----------
    lines, characters, bytes, words : int
        Of the text, composed where the corpus is: Unicode scalar values, UTF-8 bytes, runs between white space.
    tokens : ndarray of int64, shape (sizes,)
        Tokens of the text, those between special tokens. Each distinct word is segmented by itself, which in a
        metaspace tokenizer without a pre-tokenizer can differ a little from whole lines.
    unknown : ndarray of int64, shape (sizes,)
        Those of them that stand for text the vocabulary cannot spell. A whole word can be one of them, so a tokenizer
        that loses text takes fewer tokens than one that spells it.
    """

    lines: int
    characters: int
    bytes: int
    words: int
    tokens: Ints
    unknown: Ints

    @property
    def loses_text(self) -> bool:
        """Whether the source has unknown tokens where the largest vocabulary has fewer."""
        return bool(self.unknown[0] > self.unknown[-1])


@dataclass(frozen=True)
class SizeCurve:
    """Texts at every size; `sizes` are the new tokens, ascending, the first one 0: the source itself."""

    sizes: tuple[int, ...]
    texts: Mapping[str, TextCurve]


def measure_sizes(
    growth: Growth,
    texts: Mapping[str, Iterable[Sequence[str]]],
    *,
    progress: Callable[[str], None] = lambda message: None,
) -> SizeCurve:
    """Count the tokens of texts, given as batches of lines, without new tokens and with each size of the grid.

    The distinct words of all texts are segmented once per size.
    """
    tallies = {label: _Tally(batches, growth.corpus.options.compose) for label, batches in texts.items()}
    counted = {label: count_words(growth.source, tally, compose=False) for label, tally in tallies.items()}
    words = tuple(dict.fromkeys(word for text in counted.values() for word in text.words))
    counts = _counts(words, list(counted.values()))
    columns = {0: _count(growth.source, words, counts)}
    for size in size_grid(growth.smallest, growth.largest):
        selection = growth.selection(size)
        # The parts of a character come together, so a very small size may be less than was asked for.
        if selection.pieces and len(selection.pieces) not in columns:
            progress(f"measuring: {size:,} new tokens")
            columns[len(selection.pieces)] = _count(growth.corpus.appender(selection), words, counts)
    table = np.stack(list(columns.values()), axis=-1)  # (tokens or unknown, texts, sizes)
    return SizeCurve(
        tuple(columns),
        {label: tally.curve(*table[:, row]) for row, (label, tally) in enumerate(tallies.items())},
    )


def _counts(words: Sequence[str], texts: Sequence[CountedWords]) -> Ints:
    """Return how often each word stands in each text, shape (texts, words)."""
    column = {word: number for number, word in enumerate(words)}
    counts = np.zeros((len(texts), len(words)), np.int64)
    for row, text in enumerate(texts):
        counts[row, [column[word] for word in text.words]] = text.counts
    return counts


def _count(segmenter: FastSegmenter, words: Sequence[str], counts: Ints) -> Ints:
    """Return the tokens of each text, and the unknown ones, shape (2, texts)."""
    ids = segmenter.encode_words(words)
    is_unknown = ids.values == segmenter.roles.get("unk", -1)
    unknown = np.bincount(ids.row_of_value[is_unknown], minlength=len(words))
    return np.stack([counts @ ids.lengths, counts @ unknown])


@dataclass
class _Tally:
    """Passes batches on and counts what is in them."""

    batches: Iterable[Sequence[str]]
    compose: bool
    lines: int = 0
    characters: int = 0
    bytes: int = 0
    words: int = 0

    def __iter__(self) -> Iterator[list[str]]:
        for batch in self.batches:
            texts = [unicodedata.normalize("NFC", line) if self.compose else line for line in batch]
            self.lines += len(texts)
            self.characters += sum(map(len, texts))
            self.bytes += sum(len(text.encode()) for text in texts)
            self.words += sum(len(text.split()) for text in texts)
            yield texts

    def curve(self, tokens: Ints, unknown: Ints) -> TextCurve:
        return TextCurve(self.lines, self.characters, self.bytes, self.words, tokens, unknown)
