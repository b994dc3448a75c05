"""Comparison: how an input row as centre and a head row as context make a score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from vocabx.aligners.convex_word2vec.pairs import keep_chances, noise
from vocabx.core.arrays import Bools, Floats, Ints, Matrix, row_blocks

__all__ = ["COMPARISONS", "Comparison", "Evidence", "SourcePairs"]

MOST_DIMENSIONS = 1024
"""Principal directions of a matrix that a fit looks at."""

RIDGE = 0.1
"""How much of the vocabulary's covariance is added to that of the text, which knows few of the tokens."""

SAMPLED = 200_000
STEPS = 30

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class SourcePairs:
    """Pairs of source tokens that stand near each other, counted, shape (S, S), and how often each token stands."""

    counts: csr_array
    frequencies: Ints
    subsample: float
    negatives: int

    @property
    def weighted(self) -> csr_array:
        """Expected counts when frequent centres are subsampled."""
        return csr_array(diags_array(keep_chances(self.frequencies, self.subsample)) @ self.counts)


@dataclass(frozen=True)
class Comparison:
    """Source tokens as centres (S, r) and as contexts (S, r): ``score = centres[c] @ contexts[o] + offset``.

    Both are affine in the model's rows, and a convex combination stays itself under an affine map: weights that are
    learned here are weights of the rows.
    """

    centres: Floats
    contexts: Floats
    offset: float = 0.0

    def scaled(self, scale: float, offset: float) -> Comparison:
        """Return ``scale * score + offset``."""
        return Comparison(self.centres * np.float32(scale), self.contexts, scale * self.offset + offset)


@dataclass(frozen=True)
class Evidence:
    """What a comparison is made from: input rows and head rows (S', D), the same object where they are tied.

    Maps are fitted on the pairs `fit`, and scores calibrated on `test`, which no map has seen; `rank` is the most
    dimensions that a map keeps.
    """

    inputs: Matrix
    heads: Matrix
    usable: Bools
    fit: SourcePairs
    test: SourcePairs
    rank: int
    generator: np.random.Generator


def _raw(evidence: Evidence) -> Comparison:
    centres = _dense(evidence.inputs, evidence.usable)
    is_tied = evidence.heads is evidence.inputs
    return Comparison(centres, centres if is_tied else _dense(evidence.heads, evidence.usable))


def _scaled(evidence: Evidence) -> Comparison:
    raw, usable = _raw(evidence), evidence.usable
    centred = Comparison(_centred(raw.centres, usable), _centred(raw.contexts, usable))
    return _calibrate(centred, evidence.test, evidence.generator)


def _fitted(evidence: Evidence) -> Comparison:
    weighted = evidence.fit.weighted
    total = weighted.sum()
    if not total:
        return _scaled(evidence)
    raw, usable = _raw(evidence), evidence.usable
    near = np.asarray(weighted.sum(axis=1)) / total
    far = noise(evidence.fit.frequencies)
    centres = _whitened(raw.centres, usable, near)
    contexts = _whitened(raw.contexts, usable, far)
    joint = centres.T @ (weighted.astype(np.float32) @ contexts) / np.float32(total)
    joint -= np.outer(near @ centres, far @ contexts)
    u, strengths, v = np.linalg.svd(joint.astype(np.float64))
    kept = min(evidence.rank, len(strengths))
    root = np.sqrt(strengths[:kept])
    fitted = Comparison(
        np.ascontiguousarray(centres @ (u[:, :kept] * root).astype(np.float32)),
        np.ascontiguousarray(contexts @ (v[:kept].T * root).astype(np.float32)),
    )
    return _calibrate(fitted, evidence.test, evidence.generator)


COMPARISONS: Mapping[str, Callable[[Evidence], Comparison]] = MappingProxyType(
    {"raw": _raw, "scaled": _scaled, "fitted": _fitted}
)


def _dense(matrix: Matrix, usable: Bools) -> Floats:
    """Return the rows in float32, with zeros for what is not usable."""
    rows = np.empty((len(usable), matrix.shape[1]), np.float32)
    for start, block in row_blocks(matrix[: len(usable)]):
        rows[start : start + len(block)] = block
    rows[~usable] = 0
    return rows


def _centred(rows: Floats, usable: Bools) -> Floats:
    centred = rows - rows[usable].mean(axis=0, dtype=np.float64).astype(np.float32)
    centred[~usable] = 0
    return np.asarray(centred)


def _whitened(rows: Floats, usable: Bools, weights: Doubles) -> Floats:
    """Return centred rows whose covariance under `weights` (S,) is about the identity."""
    centred = _centred(rows, usable)
    seen = np.flatnonzero(weights)
    chosen = centred[seen]
    covariance = (chosen * weights[seen, None].astype(np.float32)).T @ chosen
    covariance = covariance + RIDGE / usable.sum() * (centred.T @ centred)
    values, directions = np.linalg.eigh(covariance.astype(np.float64))
    kept = np.arange(len(values)) >= len(values) - MOST_DIMENSIONS
    kept &= values > 1e-6 * values[-1]
    whitening = (directions[:, kept] / np.sqrt(values[kept])).astype(np.float32)
    return np.asarray(centred @ whitening)


def _calibrate(comparison: Comparison, pairs: SourcePairs, generator: np.random.Generator) -> Comparison:
    """Fit the scale and the offset that source tokens' own pairs are best told from noise with."""
    found = pairs.weighted.tocoo()
    if not found.nnz:
        return comparison
    drawn = np.searchsorted(found.data.cumsum(), generator.random(SAMPLED) * found.data.sum(), side="right")
    drawn = np.minimum(drawn, found.nnz - 1)
    centres, contexts = found.coords[0][drawn], found.coords[1][drawn]
    others = np.searchsorted(noise(pairs.frequencies).cumsum(), generator.random(SAMPLED), side="right")
    others = np.minimum(others, len(pairs.frequencies) - 1)
    scores = np.concatenate([_scores(comparison, centres, there) for there in (contexts, others)])
    is_pair = np.arange(2 * SAMPLED) < SAMPLED
    return comparison.scaled(*_logistic(scores, is_pair, np.where(is_pair, 1.0, pairs.negatives)))


def _scores(comparison: Comparison, centres: Ints, contexts: Ints) -> Doubles:
    blocks = [slice(start, start + 4096) for start in range(0, len(centres), 4096)]
    return np.concatenate(
        [
            np.einsum("ij,ij->i", comparison.centres[centres[part]], comparison.contexts[contexts[part]])
            for part in blocks
        ]
    ).astype(np.float64)


def _logistic(scores: Doubles, labels: Bools, weights: Doubles) -> tuple[float, float]:
    """Return the slope and the offset of a weighted logistic regression, by Newton's method."""
    deviation = scores.std() or 1.0
    inputs = np.stack([scores / deviation, np.ones_like(scores)], axis=1)
    found = np.zeros(2)
    for _ in range(STEPS):
        chances = 1 / (1 + np.exp(-np.clip(inputs @ found, -30, 30)))
        curvature = (inputs * (weights * chances * (1 - chances))[:, None]).T @ inputs + 1e-9 * np.eye(2)
        found -= np.linalg.solve(curvature, inputs.T @ (weights * (chances - labels)))
    return float(found[0] / deviation), float(found[1])
