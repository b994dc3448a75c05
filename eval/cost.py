"""Cost: what a model charges for documents, in nats, and the same as bits for one byte."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vocabx.core.arrays import Bools, Ints
from vocabx.core.errors import InputError
from vocabx.core.tokens import TokenTable
from vocabx.eval.bootstrap import Interval, bootstrap_ratio

__all__ = [
    "DocumentCost",
    "Nats",
    "Progress",
    "TokenGroup",
    "document_sizes",
    "token_group",
]

Nats = NDArray[np.float64]
Progress = Callable[[int, int], None]
"""Told how many parts of the work are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class TokenGroup:
    """Some of the tokens: how many, what they cost, and their bytes where a token table was given."""

    tokens: int
    nats: float
    bytes: int | None


def token_group(ids: Ints, nats: Nats, chosen: Bools, tokens: TokenTable | None) -> TokenGroup:
    """Sum up the chosen ones of some tokens; all arrays have one entry for each."""
    covered = None if tokens is None else int(tokens.surface_lengths[ids[chosen]].sum())
    return TokenGroup(int(np.count_nonzero(chosen)), float(nats[chosen].sum()), covered)


@dataclass(frozen=True)
class DocumentCost:
    """What documents cost under a model.

    Attributes
    ----------
    nats : ndarray of float64, shape (documents,)
        Negative log-probability of each document, natural logarithm.
    bytes : ndarray of int64, shape (documents,)
        UTF-8 bytes of each document, at least 1.

    Notes
    -----
    ``value == nats.sum() / bytes.sum() / log(2)``: long documents weigh more. It compares models with different
    vocabularies, which a loss per token does not.
    """

    nats: Nats
    bytes: Ints

    @property
    def value(self) -> float:
        """Bits for one byte."""
        return _bits(self.nats, self.bytes)

    def interval(self, rng: np.random.Generator, resamples: int = 2000, level: float = 0.95) -> Interval:
        """Return the value with percentiles of its bootstrap over documents."""
        return _bootstrap(self.nats, self.bytes, rng, resamples, level)

    def paired_difference(
        self, other: Self, rng: np.random.Generator, resamples: int = 2000, level: float = 0.95
    ) -> Interval:
        """Return this value minus another's, with percentiles over the same documents drawn for both."""
        if not np.array_equal(self.bytes, other.bytes):
            raise InputError("Two measurements can be compared only on the same documents; their bytes differ.")
        return _bootstrap(self.nats - other.nats, self.bytes, rng, resamples, level)


def document_sizes(texts: Sequence[str]) -> Ints:
    """Return the UTF-8 bytes of each document; raise `InputError` when there is none, or one without any."""
    if not texts:
        raise InputError("There is no document to measure.")
    sizes = np.fromiter((len(text.encode()) for text in texts), np.int64, len(texts))
    if not sizes.all():
        raise InputError(f"Document {sizes.argmin()} is empty, and bits per byte needs bytes.")
    return sizes


def _bits(nats: Nats, sizes: Ints) -> float:
    return float(nats.sum() / sizes.sum() / math.log(2))


def _bootstrap(nats: Nats, sizes: Ints, rng: np.random.Generator, resamples: int, level: float) -> Interval:
    ratio = bootstrap_ratio(nats, sizes, rng, resamples, level)
    return Interval(_bits(nats, sizes), ratio.low / math.log(2), ratio.high / math.log(2))
