"""WordVectors: words, their vectors, and the n-grams that give vectors to words it has not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from vocabx.core.arrays import Floats, Ints, Matrix, Ragged, check_shape
from vocabx.core.errors import InputError

__all__ = ["NgramTable", "WordVectors"]

END_OF_LINE = "</s>"
"""fastText's word for the end of a line; it alone has no n-grams."""


@dataclass(frozen=True)
class NgramTable:
    """Vectors of hashed character n-grams, as fastText defines them.

    Attributes
    ----------
    rows : ndarray of float32, shape (G, d)
        May be mapped from a file; only the rows that are asked for are read.
    shortest, longest : int
        Characters in an n-gram of ``<word>``.
    buckets : int
        N-grams are hashed modulo this number.
    known : ndarray of int64, shape (G,), optional
        The bucket of each row, ascending, where only some buckets were trained; the others count as zero.
    rotation : ndarray of float32, shape (d, e), optional
        Applied to what is composed.
    """

    rows: Floats = field(repr=False)
    shortest: int
    longest: int
    buckets: int
    known: Ints | None = field(default=None, repr=False)
    rotation: Floats | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_shape("n-gram rows", self.rows, self.buckets if self.known is None else len(self.known), None)

    def buckets_of(self, words: Sequence[str]) -> Ragged:
        """Return the buckets of every word's n-grams; the end of line and the empty word have none."""
        from gensim.models.fasttext import ft_ngram_hashes

        if not self.buckets:
            return Ragged.from_rows([[]] * len(words))
        return Ragged.from_rows(
            [
                ft_ngram_hashes(word, self.shortest, self.longest, self.buckets)
                if word not in ("", END_OF_LINE)
                else []
                for word in words
            ]
        )

    def sums(self, words: Sequence[str]) -> tuple[Floats, Ints]:
        """Return the sum of every word's n-gram rows, shape (words, d), and the number of its n-grams."""
        buckets = self.buckets_of(words)
        places, starts = buckets.values, buckets.starts
        if self.known is not None:
            nearest = np.minimum(np.searchsorted(self.known, places), max(len(self.known) - 1, 0))
            found = self.known[nearest] == places if len(self.known) else np.zeros(len(places), np.bool_)
            places, starts = nearest[found], np.concatenate([[0], np.cumsum(found)])[starts]
        used, columns = np.unique(places, return_inverse=True)
        ones = np.ones(len(places), np.float32)
        # A copy of the rows that are used: mapped rows need not be aligned in memory, and the table may be huge.
        sums = csr_array((ones, columns, starts), shape=(len(words), len(used))) @ np.array(self.rows[used], np.float32)
        if not np.isfinite(sums).all():
            raise InputError("Vectors of n-grams hold NaN or infinite numbers. Use vectors that are finite.")
        return (sums if self.rotation is None else sums @ self.rotation), buckets.lengths

    def compose(self, words: Sequence[str]) -> Floats:
        """Return the mean of every word's n-gram rows, shape (words, d); zero where it has none."""
        sums, counts = self.sums(words)
        return np.asarray(sums / np.maximum(counts, 1)[:, None].astype(np.float32))


@dataclass(frozen=True)
class WordVectors:
    """Words and their vectors.

    Attributes
    ----------
    words : tuple of str
        Distinct. Length W.
    rows : ndarray of float32, shape (W, d)
        Finite.
    counts : ndarray of int64, shape (W,), optional
        How often each word stood in the text that the vectors were trained on.
    ngrams : NgramTable, optional
        Gives vectors to words that are not in `words`.

    Notes
    -----
    Law: ``vectors_of`` commutes with ``rotated``: both are linear in the rows.

    Examples
    --------
    >>> words = WordVectors(("sun", "moon"), np.eye(2, dtype=np.float32))
    >>> words.vectors_of(["moon", "star"]).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """

    words: tuple[str, ...] = field(repr=False)
    rows: Floats = field(repr=False)
    counts: Ints | None = field(default=None, repr=False)
    ngrams: NgramTable | None = None

    def __post_init__(self) -> None:
        check_shape("word vectors", self.rows, len(self.words), None)
        if self.counts is not None:
            check_shape("counts of words", self.counts, len(self.words))
        if not np.isfinite(self.rows).all():
            raise InputError("Word vectors hold NaN or infinite numbers. Use vectors that are finite.")
        if len(self.row_of) < len(self.words):
            raise InputError("Word vectors name a word twice. Keep one vector of each word.")

    def __len__(self) -> int:
        return len(self.words)

    @property
    def dimensions(self) -> int:
        """Length d of every vector."""
        return int(self.rows.shape[1])

    @cached_property
    def row_of(self) -> Mapping[str, int]:
        """Word → its row."""
        return {word: row for row, word in enumerate(self.words)}

    def vectors_of(self, words: Sequence[str]) -> Floats:
        """Return a vector of every word, shape (words, d): its row, else the mean of its n-grams, else zero."""
        places = np.fromiter((self.row_of.get(word, -1) for word in words), np.int64, len(words))
        vectors = np.zeros((len(words), self.dimensions), np.float32)
        known = places >= 0
        vectors[known] = self.rows[places[known]]
        unknown = np.flatnonzero(~known)
        if self.ngrams is not None and len(unknown):
            vectors[unknown] = self.ngrams.compose([words[place] for place in unknown.tolist()])
        return vectors

    def rotated(self, matrix: Matrix) -> WordVectors:
        """Return all vectors, also those that n-grams give, times a matrix of shape (d, e)."""
        check_shape("rotation", matrix, self.dimensions, None)
        rotation = np.asarray(matrix, np.float32)
        ngrams = self.ngrams
        if ngrams is not None:
            earlier = ngrams.rotation
            ngrams = replace(ngrams, rotation=rotation if earlier is None else earlier @ rotation)
        return replace(self, rows=self.rows @ rotation, ngrams=ngrams)
