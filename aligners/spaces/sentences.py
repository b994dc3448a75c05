"""Sentences: a corpus as word ids, either words of a language or tokens of a tokenizer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import regex
from numpy.typing import NDArray

from vocabx.core.arrays import Ints
from vocabx.core.collection import paused_collection
from vocabx.core.corpus import Corpus
from vocabx.core.segmenter import Segmenter

__all__ = ["Sentences", "split_words", "token_sentences", "word_sentences"]

LINES_PER_BATCH = 4096

WORD = regex.compile(
    r"\p{Han}|\p{Hiragana}+|[\p{Katakana}ー]+"
    r"|[\p{L}\p{M}\p{N}\p{Pc}\p{Join_Control}--\p{Han}--\p{Hiragana}--\p{Katakana}]+"
    r"(?:['’](?=\p{L})[\p{L}\p{M}\p{N}--\p{Han}--\p{Hiragana}--\p{Katakana}]+)*"
    r"|[^\s\p{L}\p{M}\p{N}\p{Pc}\p{Join_Control}\p{C}]",
    regex.V1,
)


@dataclass(frozen=True)
class Sentences:
    """Lines of text as ids of words.

    Attributes
    ----------
    words : tuple of str
        The word of each id.
    ids : ndarray of int32
        Of all lines on end.
    starts : ndarray of int64, shape (lines + 1,)
        Line i is ``ids[starts[i]:starts[i + 1]]``.
    size : int
        Bytes of the text.
    """

    words: tuple[str, ...] = field(repr=False)
    ids: NDArray[np.int32] = field(repr=False)
    starts: Ints = field(repr=False)
    size: int

    @cached_property
    def counts(self) -> Ints:
        """How often each word occurs, shape (words,)."""
        return np.bincount(self.ids, minlength=len(self.words)).astype(np.int64)

    def digest(self) -> str:
        """Return a name for exactly this content."""
        digest = hashlib.blake2b(digest_size=16)
        for part in ("\x00".join(self.words).encode(), self.ids.tobytes(), self.starts.tobytes()):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
        return digest.hexdigest()

    def only(self, kept: NDArray[np.bool_]) -> Sentences:
        """Return the same lines without the words that are not kept, which keep their ids."""
        stays = kept[self.ids]
        starts = np.concatenate([[0], np.cumsum(stays)])[self.starts]
        return Sentences(self.words, self.ids[stays], starts, self.size)

    def lines(self, longest: int) -> Iterator[list[str]]:
        """Yield lines of at least one word as words; those of more than `longest` words come in parts."""
        names = np.array(self.words, object)
        for start, end in zip(self.starts[:-1].tolist(), self.starts[1:].tolist(), strict=True):
            for part in range(start, end, longest):
                yield names[self.ids[part : min(part + longest, end)]].tolist()


def split_words(text: str) -> list[str]:
    """Split text into words and punctuation marks.

    Han characters are words of one character. Thai, Lao, Khmer and Burmese write no spaces, and stay as long as they
    are written; split such text before.

    >>> split_words("L'été, don't: 한국어를 漢字 क्षि")
    ["L'été", ',', "don't", ':', '한국어를', '漢', '字', 'क्षि']
    """
    found: list[str] = WORD.findall(text)
    return found


def word_sentences(corpus: Corpus) -> Sentences:
    """Read a corpus as words, numbered as they first occur."""
    known: dict[str, int] = {}

    def ids(lines: Sequence[str]) -> list[list[int]]:
        return [[known.setdefault(word, len(known)) for word in split_words(line)] for line in lines]

    batches = ((_flat(ids(lines)), _bytes(lines)) for lines in corpus.batches(LINES_PER_BATCH))
    with paused_collection():
        parts, starts, size = _collect(batches)
    return Sentences(tuple(known), parts, starts, size)


def token_sentences(segmenter: Segmenter, corpus: Corpus) -> Sentences:
    """Read a corpus as a tokenizer's text tokens; a token's id is the tokenizer's, its word is its piece."""
    is_text = segmenter.tokens.is_text

    def ids(lines: Sequence[str]) -> tuple[NDArray[np.int32], Ints]:
        found = segmenter.segment_lines(lines).ids
        return found.values.astype(np.int32), found.lengths

    batches = ((ids(lines), _bytes(lines)) for lines in corpus.batches(LINES_PER_BATCH))
    with paused_collection():
        parts, starts, size = _collect(batches)
    return Sentences(segmenter.tokens.pieces, parts, starts, size).only(is_text)


def _flat(rows: list[list[int]]) -> tuple[NDArray[np.int32], Ints]:
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    return np.fromiter((word for row in rows for word in row), np.int32, int(lengths.sum())), lengths


def _bytes(lines: Sequence[str]) -> int:
    return sum(len(line.encode()) for line in lines)


def _collect(
    batches: Iterable[tuple[tuple[NDArray[np.int32], Ints], int]],
) -> tuple[NDArray[np.int32], Ints, int]:
    ids, lengths, size = [], [], 0
    for (batch, batch_lengths), batch_size in batches:
        ids.append(batch)
        lengths.append(batch_lengths)
        size += batch_size
    return np.concatenate(ids), np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64), size
