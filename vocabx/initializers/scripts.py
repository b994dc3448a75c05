"""Rows drawn from a normal distribution fitted to the base's tokens of the same script and place in a word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vocabx.core.alignment import NEW_ROWS_PER_BLOCK
from vocabx.core.arrays import Bools, Floats, Ints, Matrix, row_blocks
from vocabx.core.initialization import Initialization
from vocabx.core.scripts import script_shares
from vocabx.core.tokens import TokenTable
from vocabx.core.transfer import Transfer

__all__ = ["ByScript", "ScriptDraw", "buckets_of"]

SMALLEST_BUCKET = 2
"""Source tokens that a bucket needs, because one has no deviation."""


def buckets_of(tokens: TokenTable) -> list[tuple[str, bool]]:
    """Return the dominant script of each token's text and whether it opens a word; no script is the empty string.

    Bytes are decoded first; a part of a character has no script.
    """
    found: dict[bytes, str] = {}
    for surface in set(tokens.surfaces):
        found[surface] = next(iter(script_shares(surface.decode("utf-8", "ignore"))), "")
    return [(found[tokens.surfaces[token]], bool(tokens.word_initial[token])) for token in range(len(tokens))]


@dataclass(frozen=True)
class ScriptDraw:
    """N rows, each drawn for its bucket; the same seed, stream and matrix give the same rows to the bit.

    `members` (B, S) marks the usable source tokens of each bucket, and `bucket` (N,) names each new token's; the last
    bucket holds all usable tokens.
    """

    count: int
    seed: int
    stream: int
    bucket: Ints = field(repr=False)
    members: Bools = field(repr=False)

    def blocks(self, matrix: Matrix) -> Iterator[Floats]:
        """Yield N rows of float32 in order."""
        used, place = np.unique(self.bucket, return_inverse=True)
        means, deviations = _moments(matrix, self.members[used])
        # Each matrix has a stream of its own: one stream for all would correlate input and head noise.
        generator = np.random.default_rng([self.seed, self.stream])
        for start in range(0, self.count, NEW_ROWS_PER_BLOCK):
            kinds = place[start : start + NEW_ROWS_PER_BLOCK]
            noise = generator.standard_normal((len(kinds), matrix.shape[1]))
            yield (means[kinds] + noise * deviations[kinds]).astype(np.float32)


def _moments(matrix: Matrix, members: Bools) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean and deviation of each dimension in each bucket, shape (B, D) both; the matrix is read twice."""
    counts = members.sum(axis=1)[:, None]
    means = _sums(matrix, members, np.zeros((len(members), matrix.shape[1])), 1) / counts
    return means, np.sqrt(_sums(matrix, members, means, 2) / counts)


def _sums(matrix: Matrix, members: Bools, around: NDArray[np.float64], power: int) -> NDArray[np.float64]:
    totals = np.zeros_like(around)
    for start, block in row_blocks(matrix[: members.shape[1]]):
        for bucket, chosen in enumerate(members[:, start : start + len(block)]):
            totals[bucket] += ((block[chosen].astype(np.float64) - around[bucket]) ** power).sum(axis=0)
    return totals


@dataclass(frozen=True)
class ByScript:
    """A draw per dimension from the base's tokens of the same dominant script and place in a word.

    Downey et al. (2023), whose script, position and identity heuristics this is; tokens that are the same in both
    vocabularies are kept by the plan. Where the base has fewer than two tokens of the kind, all usable tokens serve.
    The published code looks at the tokenizer's spelling, where every byte-level token is Latin; here bytes are decoded.
    """

    def initialize(self, transfer: Transfer) -> Initialization:
        """Return one draw per matrix."""
        source, new = buckets_of(transfer.source.tokens), buckets_of(transfer.new)
        kinds = sorted(set(new))
        place = {kind: index for index, kind in enumerate(kinds)}
        members = np.zeros((len(kinds) + 1, len(source)), np.bool_)
        for token, kind in enumerate(source):
            if kind in place:
                members[place[kind], token] = transfer.usable[token]
        members[-1] = transfer.usable
        is_small = members.sum(axis=1) < SMALLEST_BUCKET
        bucket = np.array([len(kinds) if is_small[place[kind]] else place[kind] for kind in new], np.int64)
        draws = (ScriptDraw(len(new), transfer.seed, stream, bucket, members) for stream in range(3))
        return Initialization(*draws)
