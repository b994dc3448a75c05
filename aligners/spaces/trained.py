"""What spaces have in common whose vectors are trained on text."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from vocabx.aligners.spaces.cache import trained_vectors
from vocabx.aligners.spaces.sentences import token_sentences
from vocabx.aligners.spaces.train_vectors import Training
from vocabx.core.arrays import Floats
from vocabx.core.corpus import Corpus
from vocabx.core.segmenter import Segmenter
from vocabx.core.transfer import Transfer

__all__ = ["Trained", "token_rows"]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """How the vectors of a space are trained, where they are trained; see `Training`.

    Attributes
    ----------
    dimensions : int
        Numbers in a vector that is trained.
    epochs : int
        Passes over the text in training; 0 takes as many as suit its size, from 3 to 30. See `epochs_for`.
    minimum_count : int
        How often a word or token must occur to be trained.
    negatives : int
        Other words that each word of the text is told from, drawn at random.
    shortest_ngram : int
        Characters in the shortest n-grams that words are trained by.
    longest_ngram : int
        Characters in the longest n-grams; 0 trains without any, which is faster.
    workers : int
        Threads that train; with more than one, vectors differ from run to run.
    """

    dimensions: int = 100
    epochs: int = 0
    minimum_count: int = 10
    negatives: int = 10
    shortest_ngram: int = 3
    longest_ngram: int = 6
    workers: int = 1

    def __post_init__(self) -> None:
        Training(**self._options())

    def training(self, transfer: Transfer) -> Training:
        """Return the options with a seed that the transfer's fixes."""
        return Training(**self._options(), seed=int(transfer.generator().integers(2**31)))

    def _options(self) -> dict[str, Any]:
        return {option.name: getattr(self, option.name) for option in fields(Trained)}


def token_rows(segmenter: Segmenter, corpus: Corpus, training: Training, transfer: Transfer) -> Floats:
    """Train a row for every token of a segmenter, float32 of shape (T, d); zero where a token is too rare."""
    table, sentences = segmenter.tokens, token_sentences(segmenter, corpus)
    words = trained_vectors(sentences, training, transfer.materials.cache, transfer.say)
    rows = np.zeros((len(table), training.dimensions), np.float32)
    known = [token for token in np.flatnonzero(table.is_text).tolist() if sentences.words[token] in words.row_of]
    rows[known] = words.rows[[words.row_of[sentences.words[token]] for token in known]]
    return rows
