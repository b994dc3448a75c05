"""Word vectors as text (fastText's `.vec`, word2vec, GloVe) and as word2vec's binary file."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vocabx.aligners.spaces.word_vectors import WordVectors
from vocabx.core.arrays import Floats
from vocabx.core.errors import InputError

__all__ = ["read_word2vec"]

LINES_PER_BLOCK = 4096
LONGEST_WORD = 10_000
"""Bytes; more than this before the next space, and the file is something else."""

MOST_UNREADABLE = 0.01
"""Share of words that may be no valid UTF-8: published files hold some; in a file of another encoding they are many."""


@dataclass
class _Collected:
    path: Path
    words: dict[str, None] = field(default_factory=dict)
    blocks: list[Floats] = field(default_factory=list)
    unreadable: int = 0

    def add(self, words: list[bytes], rows: Floats) -> None:
        """Keep the first vector of every word that is text."""
        kept = []
        for row, word in enumerate(words):
            try:
                text = word.decode()
            except UnicodeDecodeError:
                self.unreadable += 1
                continue
            if text not in self.words:
                self.words[text] = None
                kept.append(row)
        self.blocks.append(rows[kept])

    def vectors(self) -> WordVectors:
        if not self.words:
            raise InputError(f"{self.path} holds no word vectors.")
        if self.unreadable > MOST_UNREADABLE * (len(self.words) + self.unreadable):
            raise InputError(f"{self.path}: {self.unreadable} words are not valid UTF-8. Convert the file to UTF-8.")
        return WordVectors(tuple(self.words), np.concatenate(self.blocks))


def read_word2vec(path: Path, stream: io.BufferedIOBase, limit: int | None = None) -> WordVectors:
    """Read vectors from an open file, text or binary, the first `limit` of them.

    A first line of two numbers is the size and the dimension. Of a word that stands there twice the first vector is
    kept, and words that are no valid UTF-8 are left out.

    Raises
    ------
    InputError
        Naming the line (or, in a binary file, the number of the vector) that is not what it must be.
    """
    first = stream.readline(LONGEST_WORD * 100)
    fields = first.split()
    if len(fields) == 2 and all(number.isdigit() for number in fields):
        size, dimensions = int(fields[0]), int(fields[1])
        second = stream.readline(LONGEST_WORD + 64 * dimensions)
        wanted = size if limit is None else min(limit, size)
        if _is_text_line(second, dimensions) or not second:
            following = itertools.chain([second] if second else [], stream)
            return _read_text(path, itertools.islice(following, wanted), dimensions, 2, wanted)
        return _read_binary(path, second, stream, wanted, dimensions)
    if not _is_text_line(first, len(fields) - 1) or len(fields) < 3:
        raise InputError(
            f"{path} is no file of word vectors: line 1 is neither a size and a dimension nor a word and its numbers."
        )
    lines = itertools.islice(itertools.chain([first], stream), limit)
    return _read_text(path, lines, len(fields) - 1, 1, None)


def _is_text_line(line: bytes, dimensions: int) -> bool:
    numbers = line.split()[-dimensions:] if dimensions > 0 else []
    try:
        return len([float(number) for number in numbers]) > 0
    except ValueError:
        return False


def _read_text(path: Path, lines: Iterator[bytes], dimensions: int, number: int, wanted: int | None) -> WordVectors:
    collected, start = _Collected(path), number
    while block := list(itertools.islice(lines, LINES_PER_BLOCK)):
        while block and not block[-1].strip():
            block.pop()
        parts = [line.rstrip().partition(b" ") for line in block]
        words = [word for word, _, _ in parts]
        try:
            # One array of all numbers at once; by lines it takes three times as long.
            numbers = np.array(b" ".join(rest for _, _, rest in parts).split()).astype(np.float32)
            rows = numbers.reshape(len(block), dimensions)
            if any(rest.count(b" ") + 1 != dimensions for _, _, rest in parts):
                raise ValueError
        except ValueError:
            words, rows = _read_lines(path, block, dimensions, number)
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if len(bad):
            raise InputError(f"{path}, line {number + bad[0]}: the vector holds NaN or an infinite number.")
        collected.add(words, rows)
        number += len(block)
    if wanted is not None and number - start < wanted:
        raise InputError(
            f"{path} is cut off at line {number}: there are {number - start} vectors where line 1 says {wanted}."
        )
    return collected.vectors()


def _read_lines(path: Path, block: list[bytes], dimensions: int, number: int) -> tuple[list[bytes], Floats]:
    """Read lines one by one: words may hold spaces, numbers may be set apart by tabs; the first bad line is named."""
    words, rows = [], np.empty((len(block), dimensions), np.float32)
    for place, line in enumerate(block):
        fields = line.rstrip().rsplit(None, dimensions)
        try:
            if len(fields) <= dimensions:
                raise ValueError
            rows[place] = [float(value) for value in fields[1:]]
        except ValueError:
            raise InputError(
                f"{path}, line {number + place}: expected a word and {dimensions} numbers, got "
                f"{len(line.split()) - 1} fields after the word or something that is no number."
            ) from None
        words.append(fields[0])
    return words, rows


def _read_binary(path: Path, start: bytes, stream: io.BufferedIOBase, wanted: int, dimensions: int) -> WordVectors:
    data = start + stream.read()
    collected, position, width = _Collected(path), 0, 4 * dimensions
    words, rows = [], np.empty((wanted, dimensions), np.float32)
    for number in range(wanted):
        end = data.find(b" ", position, position + LONGEST_WORD)
        if end < 0 or end + 1 + width > len(data):
            raise InputError(
                f"{path} is cut off or is no file of word vectors: vector {number + 1} of {wanted} is not there."
            )
        words.append(data[position:end].lstrip(b"\n"))
        rows[number] = np.frombuffer(data, "<f4", dimensions, end + 1)
        position = end + 1 + width
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise InputError(f"{path}, vector {bad[0] + 1}: it holds NaN or an infinite number.")
    collected.add(words, rows)
    return collected.vectors()
