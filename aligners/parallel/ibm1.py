"""IBM model 1 with a preference for the diagonal: which word of a line each word of its translation comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from vocabx.core.arrays import Floats, Ints, Ragged

__all__ = ["DiagonalModel", "Fitted"]

CELLS_PER_BLOCK = 1 << 19
"""Pairs of positions that are worked on at a time: few, so that they stay in the processor's cache."""

LEAST = 1e-30
"""Probabilities are kept from becoming zero in float32, where nothing could bring them back."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cells:
    """Pairs of positions of some lines: for each target position the null word, then the source positions near it.

    Attributes
    ----------
    words : ndarray of int32, shape (cells,)
        The place of each cell's pair of words in `pairs`.
    pairs : ndarray of int64 or int32
        The distinct pairs of words; at first as numbers of their own, then as places in the lexicon.
    distances : ndarray of float32, shape (cells,)
        |i/m - j/n|, how far from the diagonal; 0 for the null word.
    starts : ndarray of int64, shape (target positions,)
        The first cell of each target position.
    sources : ndarray of int64, shape (target positions,)
        The source position of the second cell of each target position.
    """

    words: NDArray[np.int32]
    pairs: NDArray[np.integer]
    distances: Floats
    starts: Ints
    sources: Ints

    @property
    def sizes(self) -> Ints:
        """Cells of each target position."""
        return np.diff(self.starts, append=len(self.words))

    def prior(self, tension: float, null: float) -> tuple[Floats, Doubles, Doubles]:
        """Return each cell's prior, and the mean and the variance of the distance, per target position."""
        near = np.exp(np.float32(-tension) * self.distances)
        near[self.starts] = 0
        total = np.maximum(self._sums(near), LEAST)  # a line without source words has the null word only
        mean = self._sums(near * self.distances) / total
        variance = self._sums(near * self.distances**2) / total - mean**2
        prior = near * np.repeat((1 - null) / total, self.sizes).astype(np.float32)
        prior[self.starts] = null
        return prior, mean, variance

    def _sums(self, values: Floats) -> Doubles:
        return np.add.reduceat(values, self.starts).astype(np.float64)


@dataclass(frozen=True)
class Fitted:
    """What was found.

    Attributes
    ----------
    links : ndarray of int64, shape (target positions,)
        The source position, within its line, that each target position most likely comes from; -1 for none.
    likelihoods : list of float
        Log-likelihood before each iteration.
    tension : float
        How strongly links keep to the diagonal.
    """

    links: Ints
    likelihoods: list[float]
    tension: float


@dataclass(frozen=True)
class DiagonalModel:
    """IBM model 1 whose prior falls off with the distance from the diagonal (Dyer et al. 2013, fast_align).

    Word j of n of the translation comes from the null word with probability `null`, otherwise from word i of m with
    probability proportional to exp(-tension |i/m - j/n|), and is drawn from that word's translations.

    Attributes
    ----------
    iterations : int
        Steps of expectation and maximisation.
    tension : float
        Where the tension starts.
    null : float
        Probability of the null word.
    learns_tension : bool
        Whether the tension is fitted too.
    concentration : float
        Of the Dirichlet prior of each word's translations, fitted by variational Bayes; it keeps rare words from
        attracting everything. With 0 it is plain maximum likelihood, and the likelihood never falls.
    reach : int
        How many words to either side of the diagonal are looked at.

    Notes
    -----
    Every pair of positions in reach takes 8 bytes, every pair of words that meet about 30.
    """

    iterations: int = 5
    tension: float = 4.0
    null: float = 0.08
    learns_tension: bool = True
    concentration: float = 0.01
    reach: int = 30

    def fit(self, source: Ragged, target: Ragged) -> Fitted:
        """Align lines of word ids with their translations; both have P rows, and a row may be empty."""
        words = int(target.values.max(initial=0)) + 1
        blocks = list(_blocks(source, target, words, self.reach))
        if not blocks:
            return Fitted(np.empty(0, np.int64), [], self.tension)
        pairs = _distinct(np.concatenate([cells.pairs for cells in blocks]))
        blocks = [replace(cells, pairs=np.searchsorted(pairs, cells.pairs).astype(np.int32)) for cells in blocks]
        lexicon = _Lexicon(pairs, words, self.concentration)
        tension, likelihoods = self.tension, list[float]()
        for _ in range(self.iterations):
            step = _expect(blocks, lexicon, tension, self.null)
            likelihoods.append(step.likelihood)
            lexicon.maximise(step.counts)
            tension = step.tension if self.learns_tension else tension
        links = [_best(cells, lexicon, tension, self.null) for cells in blocks]
        return Fitted(np.concatenate(links), likelihoods, tension)


def _blocks(source: Ragged, target: Ragged, words: int, reach: int) -> Iterator[Cells]:
    """Yield the cells of all target positions in order."""
    per_line = np.minimum(source.lengths, 2 * reach + 2) + 1
    ends = np.cumsum(per_line * target.lengths)
    first = 0
    while first < len(target):
        done = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + CELLS_PER_BLOCK, side="right")))
        if target.starts[last] > target.starts[first]:
            yield _cells(source, target, slice(first, last), words, reach)
        first = last


def _cells(source: Ragged, target: Ragged, lines: slice, words: int, reach: int) -> Cells:
    lengths = target.lengths[lines]
    begin = int(target.starts[lines.start])
    positions = np.arange(begin, target.starts[lines.stop])
    line = np.repeat(np.arange(lines.start, lines.stop), lengths)
    m, n = source.lengths[line], target.lengths[line]
    here = (positions - target.starts[line] + 0.5) / n
    low = np.maximum(np.floor(here * m).astype(np.int64) - reach, 0)
    sizes = np.minimum(np.floor(here * m).astype(np.int64) + reach + 1, m) - low + 1
    starts = np.cumsum(sizes) - sizes
    i = np.arange(sizes.sum()) - np.repeat(starts - low + 1, sizes)
    distances = np.abs((i + 0.5) / np.repeat(np.maximum(m, 1), sizes) - np.repeat(here, sizes))
    distances[starts] = 0
    at = i + np.repeat(source.starts[line], sizes)
    at[starts] = 0
    left = source.values[at] + 1 if len(source.values) else np.zeros(len(at), np.int64)
    left[starts] = 0
    pairs, inverse = np.unique(left * words + np.repeat(target.values[positions], sizes), return_inverse=True)
    return Cells(inverse.astype(np.int32), pairs, distances.astype(np.float32), starts, low)


def _distinct(keys: Ints) -> Ints:
    """Return the distinct keys in order; sorting is much faster than `numpy.unique`, which hashes."""
    ordered = np.sort(keys)
    return np.asarray(ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])])


class _Lexicon:
    """The probability of each pair of words that meet: of the translation, given the source word.

    `pairs` holds source word × `words` + target word, ascending.
    """

    def __init__(self, pairs: Ints, words: int, concentration: float) -> None:
        self._source_of_pair = pairs // words
        self._concentration = concentration
        self.probabilities: Floats = np.full(len(pairs), 1 / words, np.float32)

    def maximise(self, counts: Doubles) -> None:
        """Take the probabilities from expected counts."""
        padded = counts + self._concentration
        totals = np.bincount(self._source_of_pair, weights=padded)[self._source_of_pair]
        if self._concentration:
            probabilities = np.exp(digamma(padded) - digamma(totals))
        else:
            probabilities = np.divide(padded, totals, out=np.zeros_like(padded), where=totals > 0)
        self.probabilities = np.maximum(probabilities, LEAST).astype(np.float32)


@dataclass(frozen=True)
class _Step:
    counts: Doubles
    likelihood: float
    tension: float


def _expect(blocks: list[Cells], lexicon: _Lexicon, tension: float, null: float) -> _Step:
    counts = np.zeros(len(lexicon.probabilities))
    likelihood = slope = curvature = 0.0
    for cells in blocks:
        prior, mean, variance = cells.prior(tension, null)
        joint = prior * lexicon.probabilities[cells.pairs][cells.words]
        total = np.add.reduceat(joint, cells.starts)
        joint *= np.repeat(1 / total, cells.sizes)
        likelihood += float(np.log(total, dtype=np.float64).sum())
        counts[cells.pairs] += np.bincount(cells.words, weights=joint, minlength=len(cells.pairs))
        linked = 1 - joint[cells.starts].astype(np.float64)
        slope += float(linked @ mean) - float(joint @ cells.distances)
        curvature += float(linked @ variance)
    # Half of Newton's step: the whole one can jump over the maximum.
    step = slope / (2 * curvature) if curvature > 0 else 0.0
    return _Step(counts, likelihood, float(np.clip(tension + step, 0.1, 14.0)))


def _best(cells: Cells, lexicon: _Lexicon, tension: float, null: float) -> Ints:
    prior, _, _ = cells.prior(tension, null)
    joint = prior * lexicon.probabilities[cells.pairs][cells.words]
    best = np.maximum.reduceat(joint, cells.starts)
    hits = np.flatnonzero(joint == np.repeat(best, cells.sizes))
    owners = np.repeat(np.arange(len(cells.starts)), cells.sizes)[hits]
    _, first = np.unique(owners, return_index=True)
    place = hits[first] - cells.starts
    return np.where(place == 0, -1, cells.sources + place - 1)
