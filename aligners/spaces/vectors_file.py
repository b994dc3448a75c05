"""Word vectors as one `.npz` file without pickled objects: the form that is cached, and one that users may give."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vocabx.aligners.spaces.word_vectors import NgramTable, WordVectors
from vocabx.core.arrays import Ints
from vocabx.core.errors import InputError

__all__ = ["read_npz", "write_npz"]

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError, IndexError, TypeError)


def write_npz(words: WordVectors, file: BinaryIO) -> None:
    """Write vectors; equal vectors give equal bytes."""
    encoded, ends = _pack(words.words)
    arrays: dict[str, NDArray[Any]] = {"words": encoded, "word_ends": ends, "rows": words.rows}
    if words.counts is not None:
        arrays["counts"] = words.counts
    if (table := words.ngrams) is not None:
        arrays["ngram_rows"] = table.rows if table.rotation is None else table.rows @ table.rotation
        arrays["ngram_settings"] = np.array([table.shortest, table.longest, table.buckets])
        if table.known is not None:
            arrays["ngram_known"] = table.known
    np.savez(file, allow_pickle=False, **arrays)


def read_npz(path: Path, limit: int | None = None) -> WordVectors:
    """Read vectors, the first `limit` of them.

    The file holds `rows` (W, d) and `words`, which is either an array of W strings or the UTF-8 bytes of all words on
    end with their `word_ends`; also `counts` (W,), and `ngram_rows`, `ngram_settings` and `ngram_known`, where written.

    Raises
    ------
    InputError
        When the file is damaged, holds pickled objects, or lacks `words` or `rows`.
    """
    try:
        # Opened here, because numpy leaves a damaged file open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            names = arrays.files
            if not {"words", "rows"} <= set(names):
                raise InputError(f"{path} holds no word vectors: it needs the arrays 'words' and 'rows', has {names}.")
            ends = arrays["word_ends"] if "word_ends" in names else None
            words = _unpack(arrays["words"], ends)[:limit]
            rows = np.asarray(arrays["rows"], np.float32)[:limit]
            counts = np.asarray(arrays["counts"], np.int64)[:limit] if "counts" in names else None
            ngrams = _ngrams(arrays) if "ngram_rows" in names else None
    except DAMAGE as error:
        raise InputError(f"{path} cannot be read as word vectors without pickled objects: {error}") from error
    return WordVectors(words, rows, counts, ngrams)


def _ngrams(arrays: Any) -> NgramTable:
    shortest, longest, buckets = (int(setting) for setting in arrays["ngram_settings"])
    known = np.asarray(arrays["ngram_known"], np.int64) if "ngram_known" in arrays.files else None
    return NgramTable(np.asarray(arrays["ngram_rows"], np.float32), shortest, longest, buckets, known)


def _pack(words: Sequence[str]) -> tuple[NDArray[np.uint8], Ints]:
    encoded = [word.encode() for word in words]
    ends = np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)), dtype=np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), ends


def _unpack(words: NDArray[Any], ends: Ints | None) -> tuple[str, ...]:
    if ends is None:
        return tuple(map(str, words.tolist()))
    encoded = words.tobytes()
    starts = [0, *ends[:-1].tolist()]
    return tuple(encoded[start:end].decode() for start, end in zip(starts, ends.tolist(), strict=True))
