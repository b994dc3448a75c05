"""Train word vectors on sentences, the way fastText or word2vec does, with gensim."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vocabx.aligners.spaces.sentences import Sentences
from vocabx.aligners.spaces.word_vectors import NgramTable, WordVectors
from vocabx.core.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from gensim.models import Word2Vec

__all__ = ["ALGORITHMS", "Training", "epochs_for", "train_vectors"]

ALGORITHMS = {"cbow": 0, "skip-gram": 1}

MOST_BUCKETS = 2_000_000
"""fastText's own number."""

BUCKETS_PER_NGRAM = 8
LONGEST_LINE = 10_000
"""Words that gensim takes of a line; it drops the rest silently, so longer lines are given in parts."""

FEWEST_WORDS = 2


@dataclass(frozen=True)
class Training:
    """How vectors are trained; what is not named is as in fastText.

    Attributes
    ----------
    algorithm : str
        ``cbow`` or ``skip-gram``.
    epochs : int
        Passes over the text; 0 takes `epochs_for` its size.
    longest_ngram : int
        0 trains without n-grams, which is word2vec.
    workers : int
        More than one is faster, and no longer gives the same vectors each time.
    """

    algorithm: str = "cbow"
    dimensions: int = 100
    epochs: int = 0
    minimum_count: int = 10
    negatives: int = 10
    shortest_ngram: int = 3
    longest_ngram: int = 6
    window: int = 5
    workers: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise UnknownNameError("algorithm of word vectors", self.algorithm, ALGORITHMS)
        for name in ("dimensions", "minimum_count", "negatives", "shortest_ngram", "window", "workers"):
            if getattr(self, name) < 1:
                raise InputError(f"The option {name} must be at least 1, not {getattr(self, name)}.")
        if self.epochs < 0:
            raise InputError(f"The option epochs must be 0 (what suits the text) or more, not {self.epochs}.")
        if self.longest_ngram and self.longest_ngram < self.shortest_ngram:
            raise InputError(
                f"The option longest_ngram must be 0 (no n-grams) or at least shortest_ngram, {self.shortest_ngram}, "
                f"not {self.longest_ngram}."
            )


def epochs_for(size: int) -> int:
    """Return how many passes a text of `size` bytes needs: 30·√(5 MB / size), from 3 to 30.

    Published defaults of 3 passes are for 500 MB and more; on 5 MB they leave all vectors alike.

    >>> [epochs_for(megabytes * 10**6) for megabytes in (1, 5, 24, 100, 500, 5000)]
    [30, 30, 14, 7, 3, 3]
    """
    return max(3, min(30, math.ceil(30 * math.sqrt(5e6 / max(size, 1)) - 1e-9)))


def train_vectors(
    sentences: Sentences, training: Training, say: Callable[[str], None] = lambda message: None
) -> WordVectors:
    """Train a vector for every word that occurs often enough.

    With one worker, the same sentences and options give the same bytes, in any process on one kind of machine.

    Raises
    ------
    InputError
        When the text is too small for vectors.
    """
    frequent = sentences.counts >= training.minimum_count
    if int(frequent.sum()) < FEWEST_WORDS:
        raise InputError(
            f"The text is too small to train vectors on: {int(frequent.sum())} of its "
            f"{int((sentences.counts > 0).sum())} words occur {training.minimum_count} times or more. "
            "Give more text, or set a lower --method-option minimum_count."
        )
    kept = sentences.only(frequent)
    epochs = training.epochs or epochs_for(sentences.size)
    say(f"training vectors of {int(frequent.sum()):,} words: {epochs} passes over {len(kept.ids):,} words")
    with _quiet():
        model = _model(kept, training)
        lines = _Lines(kept)
        model.train(lines, total_examples=sum(1 for _ in lines), epochs=epochs)
    return _trained(model)


@dataclass(frozen=True)
class _Lines:
    """What gensim iterates over, once for each pass."""

    sentences: Sentences

    def __iter__(self) -> Iterator[list[str]]:
        return self.sentences.lines(LONGEST_LINE)


def _model(kept: Sentences, training: Training) -> Word2Vec:
    from gensim.models import FastText, Word2Vec

    counts = {kept.words[word]: int(kept.counts[word]) for word in np.flatnonzero(kept.counts).tolist()}
    options = {
        "sg": ALGORITHMS[training.algorithm],
        "vector_size": training.dimensions,
        "window": training.window,
        "min_count": 1,  # rare words are gone already
        "negative": training.negatives,
        "workers": training.workers,
        "seed": training.seed,
        "alpha": 0.05 if training.longest_ngram or training.algorithm == "cbow" else 0.025,
        "sample": 1e-4,
        "ns_exponent": 0.5 if training.longest_ngram else 0.75,
    }
    if not training.longest_ngram:
        model = Word2Vec(**options)
    else:
        lengths = {"min_n": training.shortest_ngram, "max_n": training.longest_ngram}
        model = FastText(**options, **lengths, bucket=_buckets(tuple(counts), training))
    model.build_vocab_from_freq(counts)
    return model


def _buckets(words: tuple[str, ...], training: Training) -> int:
    """Return how many buckets keep n-grams apart; fastText's two million would take up to 2.4 GB whatever the text."""
    empty = np.empty((MOST_BUCKETS, 0), np.float32)
    hashed = NgramTable(empty, training.shortest_ngram, training.longest_ngram, MOST_BUCKETS).buckets_of(words)
    return max(1, min(MOST_BUCKETS, BUCKETS_PER_NGRAM * len(np.unique(hashed.values))))


def _trained(model: Word2Vec) -> WordVectors:
    vectors = model.wv
    words = tuple(vectors.index_to_key)
    counts = np.asarray(vectors.expandos["count"], np.int64)
    ngrams = None
    if getattr(vectors, "bucket", 0):
        every = NgramTable(vectors.vectors_ngrams, vectors.min_n, vectors.max_n, vectors.bucket)
        known = np.unique(every.buckets_of(words).values)
        ngrams = NgramTable(vectors.vectors_ngrams[known], vectors.min_n, vectors.max_n, vectors.bucket, known)
    return WordVectors(words, np.asarray(vectors.vectors, np.float32), counts, ngrams)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep gensim from printing advice on how it is called here."""
    logger = logging.getLogger("gensim")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
