"""Procrustes: turn the vectors of one language so that words lie where their translations do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vocabx.aligners.spaces.csls import mutual_neighbours
from vocabx.aligners.spaces.word_vectors import WordVectors
from vocabx.core.arrays import Floats, Ints
from vocabx.core.cosines import unit_rows
from vocabx.core.errors import InputError

__all__ = [
    "Procrustes",
    "Rows",
    "identical_words",
    "joined",
    "matched_rows",
    "most_frequent",
    "orthogonal_map",
    "principal_axes",
]

REFINED_WORDS = 10_000
"""Most frequent words of either side that refinement pairs: rare words have vectors that are little but noise."""

Rows = tuple[Ints, Ints]
"""Rows of the source and rows of the target, pair by pair."""


def orthogonal_map(source: Floats, target: Floats) -> Floats:
    """Return the orthogonal matrix Q of shape (d, d) for which ``source @ Q`` is nearest to ``target``.

    Law (Schönemann 1966): no orthogonal matrix has a smaller sum of squared differences.

    >>> turn = np.array([[0, 1], [-1, 0]], np.float32)
    >>> points = np.array([[1, 0], [3, 4], [5, 2]], np.float32)
    >>> bool(np.allclose(orthogonal_map(points, points @ turn), turn, atol=1e-6))
    True
    """
    left, _, right = np.linalg.svd(source.T.astype(np.float64) @ target.astype(np.float64))
    return np.asarray(left @ right, np.float32)


def matched_rows(
    pairs: Sequence[tuple[str, str]], source: WordVectors, target: WordVectors, cases: bool = True, unique: bool = True
) -> Rows:
    """Return the rows of those pairs whose words both have a row.

    Parameters
    ----------
    pairs : sequence of (str, str)
    source, target : WordVectors
    cases : bool
        Also try either side in lower case and in title case, each with each, as WECHSEL does.
    unique : bool
        Whether a pair of rows that is found twice counts once. WECHSEL counts it as often as it is found, so that a
        pair in lower case, which two of three forms leave as it is, weighs four times.
    """
    found: list[tuple[int, int]] = []
    for left, right in pairs:
        lefts = [source.row_of[form] for form in _forms(left, cases) if form in source.row_of]
        rights = [target.row_of[form] for form in _forms(right, cases) if form in target.row_of] if lefts else []
        found.extend((own, other) for own in lefts for other in rights)
    if unique:
        found = list(dict.fromkeys(found))
    rows = np.array(found, np.int64).reshape(-1, 2)
    return rows[:, 0], rows[:, 1]


def _forms(word: str, cases: bool) -> tuple[str, ...]:
    return (word, word.lower(), word.title()) if cases else (word,)


def identical_words(source: WordVectors, target: WordVectors) -> Rows:
    """Return the rows of words that both sides spell alike: numbers, names, and in related languages much more."""
    shared = [word for word in source.words if word in target.row_of]
    return (
        np.fromiter((source.row_of[word] for word in shared), np.int64, len(shared)),
        np.fromiter((target.row_of[word] for word in shared), np.int64, len(shared)),
    )


def joined(left: Rows, right: Rows) -> Rows:
    """Return the pairs of both, each once."""
    rows = np.unique(np.concatenate([np.stack(left, axis=1), np.stack(right, axis=1)]), axis=0)
    return rows[:, 0], rows[:, 1]


def most_frequent(words: WordVectors, number: int) -> Ints:
    """Return the rows of the most frequent words; where counts are not known, the first rows, as files order them."""
    if words.counts is None:
        return np.arange(min(number, len(words)))
    return np.argsort(-words.counts, kind="stable")[:number].astype(np.int64)


def principal_axes(words: WordVectors, dimensions: int) -> Floats:
    """Return the axes, shape (d, dimensions), that keep most of the words' lengths and angles.

    They are eigenvectors of the second moments. No mean is taken off, because a vector that n-grams give must change
    as a word's own does.
    """
    rows = words.rows.astype(np.float64)
    _, axes = np.linalg.eigh(rows.T @ rows)  # eigenvalues ascend
    return np.asarray(axes[:, ::-1][:, :dimensions], np.float32)


@dataclass(frozen=True)
class Procrustes:
    """How the matrix is fitted that turns source vectors onto target vectors.

    Attributes
    ----------
    centre : bool
        Take the mean of the pairs' vectors off either side while fitting.
    normalise : bool
        Give the pairs' vectors length 1 while fitting, so that long ones weigh no more.
    refinements : int
        How often to fit again on the pairs of frequent words that the last fit made each other's nearest neighbours
        (Conneau et al. 2018).

    Notes
    -----
    The matrix is orthogonal, so cosines within the source language stay as they are.
    """

    centre: bool = False
    normalise: bool = False
    refinements: int = 0

    def fit(self, source: WordVectors, target: WordVectors, pairs: Rows) -> Floats:
        """Return the matrix, shape (d, d), for pairs of rows."""
        if not len(pairs[0]):
            raise InputError("There is no pair of words to align the vectors by.")
        rotation = self._fit(source.rows[pairs[0]], target.rows[pairs[1]])
        own, other = (side.rows[most_frequent(side, REFINED_WORDS)] for side in (source, target))
        own, other = own[own.any(axis=1)], other[other.any(axis=1)]
        for _ in range(self.refinements):
            left, right = mutual_neighbours(own @ rotation, other)
            if not len(left):
                break
            rotation = self._fit(own[left], other[right])
        return rotation

    def _fit(self, source: Floats, target: Floats) -> Floats:
        return orthogonal_map(self._prepared(source), self._prepared(target))

    def _prepared(self, vectors: Floats) -> Floats:
        directions = unit_rows(vectors) if self.normalise else vectors
        return np.asarray(directions - directions.mean(axis=0) if self.centre else directions)
