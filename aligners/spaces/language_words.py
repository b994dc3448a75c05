"""Word vectors of the source and of the target language: read from a file, or trained on text."""

from __future__ import annotations

from pathlib import Path

from vocabx.aligners.spaces.cache import trained_vectors
from vocabx.aligners.spaces.procrustes import principal_axes
from vocabx.aligners.spaces.read_vectors import read_vectors
from vocabx.aligners.spaces.sentences import word_sentences
from vocabx.aligners.spaces.train_vectors import Training
from vocabx.aligners.spaces.word_vectors import WordVectors
from vocabx.core.corpus import Corpus
from vocabx.core.errors import InputError
from vocabx.core.transfer import Transfer

__all__ = ["check_dimensions", "of_one_dimension", "one_file", "source_words", "target_words"]


def one_file(transfer: Transfer) -> Path | None:
    """Return the file that was given for both languages, if there is one."""
    own, other = transfer.materials.source_vectors, transfer.materials.target_vectors
    return own if own is not None and other is not None and own.resolve() == other.resolve() else None


def source_words(transfer: Transfer, training: Training, limit: int | None = None) -> WordVectors:
    """Read or train vectors of the source language; raise `InputError` without a file and without text."""
    materials = transfer.materials
    remedy = "source language. Give them with --source-vectors, or text to train them on with --source-corpus."
    return _words(transfer, materials.source_vectors, materials.source_corpus, training, limit, remedy)


def target_words(transfer: Transfer, training: Training, limit: int | None = None) -> WordVectors:
    """Read or train vectors of the target language; raise `InputError` without a file and without text."""
    materials = transfer.materials
    remedy = "target language. Give them with --target-vectors, or text to train them on with --corpus."
    return _words(transfer, materials.target_vectors, materials.corpus, training, limit, remedy)


def _words(
    transfer: Transfer, path: Path | None, corpus: Corpus | None, training: Training, limit: int | None, remedy: str
) -> WordVectors:
    if path is not None:
        return read_vectors(path, trust_pickle=transfer.materials.trust_pickle, limit=limit)
    if corpus is None:
        raise InputError(f"This method needs word vectors of the {remedy}")
    return trained_vectors(word_sentences(corpus), training, transfer.materials.cache, transfer.say)


def check_dimensions(source: WordVectors, target: WordVectors, transfer: Transfer, remedy: str = "") -> None:
    """Raise `InputError` unless both sets have vectors of one dimension."""
    if source.dimensions != target.dimensions:
        own, other = transfer.materials.source_vectors, transfer.materials.target_vectors
        raise InputError(
            f"Vectors of the source language ({own or 'trained'}) have {source.dimensions} dimensions and those of the "
            f"target language ({other or 'trained'}) {target.dimensions}. Give vectors of the same dimension{remedy}."
        )


def of_one_dimension(source: WordVectors, target: WordVectors) -> tuple[WordVectors, WordVectors]:
    """Project the vectors of more dimensions onto their principal axes."""
    fewest = min(source.dimensions, target.dimensions)
    return _reduced(source, fewest), _reduced(target, fewest)


def _reduced(words: WordVectors, dimensions: int) -> WordVectors:
    return words if words.dimensions == dimensions else words.rotated(principal_axes(words, dimensions))
