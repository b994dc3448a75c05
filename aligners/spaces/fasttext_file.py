"""fastText's own `.bin` models: words, counts and n-grams, mapped from the file."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vocabx.aligners.spaces.word_vectors import NgramTable, WordVectors
from vocabx.core.arrays import Floats
from vocabx.core.errors import InputError

__all__ = ["FASTTEXT_MAGIC", "read_fasttext"]

FASTTEXT_MAGIC = struct.pack("<i", 793712314)

# dimension, window, epochs, minimum count, negatives, word n-grams, loss, model, buckets, shortest and longest n-gram,
# update rate, subsampling
SETTINGS = struct.Struct("<12id")
SIZES = struct.Struct("<3i2q")  # entries, words, labels; words read; entries that pruning kept
ENTRY = struct.Struct("<qb")  # count, and whether it is a label
SHAPE = struct.Struct("<?2q")  # whether the rows are quantised; rows, columns

WORDS_PER_BLOCK = 65536


@dataclass
class _Cursor:
    """Reads a mapped file from front to end."""

    path: Path
    data: mmap.mmap
    position: int = 0

    def take(self, form: struct.Struct) -> tuple[int, ...]:
        """Return the next fields."""
        end = self.position + form.size
        if end > len(self.data):
            raise _cut_off(self.path)
        fields: tuple[int, ...] = form.unpack(self.data[self.position : end])
        self.position = end
        return fields

    def take_word(self) -> bytes:
        """Return the bytes before the next NUL."""
        end = self.data.find(b"\x00", self.position)
        if end < 0:
            raise _cut_off(self.path)
        word = self.data[self.position : end]
        self.position = end + 1
        return word


def read_fasttext(path: Path, limit: int | None = None) -> WordVectors:
    """Read a fastText model, the `limit` most frequent words of it.

    A word's vector is the mean of its own row and those of its n-grams, as in fastText. The rows stay in the file and
    are read as they are needed. Words that are no valid UTF-8 are left out: no text holds them.

    Raises
    ------
    InputError
        When the file is cut off, or quantised (`.ftz`).
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        cursor = _Cursor(path, data, 2 * len(FASTTEXT_MAGIC))  # the second is the version of the format
        settings = cursor.take(SETTINGS)
        buckets, shortest, longest = settings[8:11]
        entries, words, _, _, pruned = cursor.take(SIZES)
        named = [(cursor.take_word(), cursor.take(ENTRY)[0]) for _ in range(entries)][:words][:limit]
        cursor.position += 8 * max(pruned, 0)
        quantised, rows, columns = cursor.take(SHAPE)
        offset, size = cursor.position, len(data)
    if quantised:
        raise InputError(f"{path} is a quantised fastText model. Give the full model, whose name ends in .bin.")
    if offset + 4 * rows * columns > size:
        raise _cut_off(path)
    matrix = np.memmap(path, np.float32, "r", offset, (rows, columns)) if rows else np.empty((0, columns), np.float32)
    if (rows, columns) != (words + buckets, settings[0]):
        raise InputError(f"{path}: {words} words and {buckets} n-grams of dimension {settings[0]} do not fit its rows.")
    table = NgramTable(np.asarray(matrix[words:]), shortest, longest, buckets)
    kept = [(row, word.decode(), count) for row, (word, count) in enumerate(named) if _is_text(word)]
    names = tuple(word for _, word, _ in kept)
    own = np.asarray(matrix[[row for row, _, _ in kept]])
    counts = np.array([count for _, _, count in kept], np.int64)
    return WordVectors(names, _composed(names, own, table), counts, table if buckets and longest else None)


def _composed(names: tuple[str, ...], own: Floats, table: NgramTable) -> Floats:
    for start in range(0, len(names), WORDS_PER_BLOCK):
        block = slice(start, start + WORDS_PER_BLOCK)
        sums, counts = table.sums(names[block])
        own[block] = (own[block] + sums) / (counts + 1)[:, None].astype(np.float32)
    return own


def _is_text(word: bytes) -> bool:
    try:
        word.decode()
    except UnicodeDecodeError:
        return False
    return True


def _cut_off(path: Path) -> InputError:
    return InputError(f"{path} is cut off: it ends before its last vector. Download it again.")
