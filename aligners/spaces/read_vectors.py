"""Read word vectors from any common file, told apart by what is in it."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from vocabx.aligners.spaces.fasttext_file import FASTTEXT_MAGIC, read_fasttext
from vocabx.aligners.spaces.vectors_file import read_npz
from vocabx.aligners.spaces.word2vec_file import read_word2vec
from vocabx.aligners.spaces.word_vectors import NgramTable, WordVectors
from vocabx.core.errors import InputError

__all__ = ["read_vectors"]

ZIP, GZIP, PICKLE = b"PK\x03\x04", b"\x1f\x8b", b"\x80"


def read_vectors(path: str | Path, *, trust_pickle: bool = False, limit: int | None = None) -> WordVectors:
    """Read a file of word vectors.

    Parameters
    ----------
    path : str or Path
        A fastText model (`.bin`), text (`.vec`, word2vec, GloVe) or word2vec's binary file, also `.gz`, an `.npz` with
        `words` and `rows`, or what gensim's `save` wrote.
    trust_pickle : bool
        Whether gensim's own files may be opened: they hold pickled objects, which can run code.
    limit : int, optional
        Read only the first so many words, in most files the most frequent.

    Raises
    ------
    InputError
        With one sentence that names the file, and the line where there is one.
    """
    file = Path(path)
    try:
        with file.open("rb") as stream:
            start = stream.read(4)
        if not start:
            raise InputError(f"{file} is empty. Give a file of word vectors.")
        words = _read(file, start, trust_pickle, limit)
    except InputError as error:
        named = str(error).startswith(str(file))
        raise error if named else InputError(f"{file}: {error}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{file} cannot be read as word vectors: {error}") from error
    if not len(words):
        raise InputError(f"{file} holds no word vectors.")
    return words


def _read(file: Path, start: bytes, trust_pickle: bool, limit: int | None) -> WordVectors:
    if start == FASTTEXT_MAGIC:
        return read_fasttext(file, limit)
    if start == ZIP:
        return read_npz(file, limit)
    if start.startswith(PICKLE) and start[1] in range(2, 6):
        return _read_pickle(file, trust_pickle, limit)
    if not start.startswith(GZIP):
        with file.open("rb") as stream:
            return read_word2vec(file, stream, limit)
    with gzip.open(file, "rb") as packed:
        if packed.peek(4).startswith(FASTTEXT_MAGIC):
            raise InputError(f"{file} is a packed fastText model. Unpack it first: gunzip {file}")
        words = read_word2vec(file, packed, limit)
        if limit is None:
            packed.read(1)  # only at the end does gzip compare its check sum
        return words


def _read_pickle(file: Path, trust_pickle: bool, limit: int | None) -> WordVectors:
    if not trust_pickle:
        raise InputError(
            f"{file} holds pickled objects, which can run any code when they are opened. Save it with gensim's "
            "save_word2vec_format, or give --trust-pickle if you know where it comes from."
        )
    from gensim.utils import SaveLoad

    try:
        saved = SaveLoad.load(str(file))
    except Exception as error:  # a pickle may raise anything
        raise InputError(f"{file} cannot be opened by gensim: {type(error).__name__}: {error}") from error
    return from_gensim(getattr(saved, "wv", saved), file, limit)


def from_gensim(vectors: Any, file: Path, limit: int | None = None) -> WordVectors:
    """Take over gensim's KeyedVectors, with its n-grams if it has them."""
    if not hasattr(vectors, "index_to_key") or not hasattr(vectors, "vectors"):
        raise InputError(f"{file} holds a {type(vectors).__name__}, not gensim's KeyedVectors, Word2Vec or FastText.")
    words = tuple(map(str, vectors.index_to_key[:limit]))
    rows = np.asarray(vectors.vectors[: len(words)], np.float32)
    counts = vectors.expandos.get("count")
    ngrams = None
    if getattr(vectors, "bucket", 0):
        ngrams = NgramTable(vectors.vectors_ngrams, vectors.min_n, vectors.max_n, vectors.bucket)
    return WordVectors(words, rows, None if counts is None else np.asarray(counts[: len(words)], np.int64), ngrams)
