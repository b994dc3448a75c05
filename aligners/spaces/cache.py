"""Vectors that were trained before are read again instead."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from vocabx.aligners.spaces.sentences import Sentences
from vocabx.aligners.spaces.train_vectors import Training, train_vectors
from vocabx.aligners.spaces.vectors_file import read_npz, write_npz
from vocabx.aligners.spaces.word_vectors import WordVectors
from vocabx.core.errors import InputError, OutputError

__all__ = ["cache_file", "trained_vectors"]

LAYOUT = 1
"""Goes up when the same options train other vectors, or are written in another way."""


def cache_file(folder: Path, sentences: Sentences, training: Training) -> Path:
    """Return where vectors of exactly these sentences, with exactly these options, are kept."""
    content = (LAYOUT, version("gensim"), sentences.digest(), sentences.size, training)
    return folder / f"vectors-{hashlib.blake2b(repr(content).encode(), digest_size=16).hexdigest()}.npz"


def trained_vectors(
    sentences: Sentences,
    training: Training,
    folder: Path | None = None,
    say: Callable[[str], None] = lambda message: None,
) -> WordVectors:
    """Return trained vectors, from the cache where they are there; without a folder nothing is kept.

    A damaged file is trained again and replaced, and `say` is told. A file appears whole or not at all.

    Raises
    ------
    OutputError
        When the folder cannot be written.
    InputError
        When the text is too small for vectors.
    """
    if folder is None:
        return train_vectors(sentences, training, say)
    file = cache_file(folder, sentences, training)
    if file.exists():
        try:
            vectors = read_npz(file)
        except InputError as error:
            say(f"the cache is damaged, so the vectors are trained again: {error}")
        else:
            say(f"took vectors of {len(vectors):,} words from {file}")
            return vectors
    vectors = train_vectors(sentences, training, say)
    _write(vectors, file)
    return vectors


def _write(vectors: WordVectors, file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=file.parent, suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                write_npz(vectors, stream)
            os.replace(name, file)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise OutputError(f"Vectors cannot be kept in {file.parent}: {error}") from error
