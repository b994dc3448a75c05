"""Mixture: each new token as a softmax over a few source tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from vocabx.core.arrays import Floats, Ints

__all__ = ["Mixture"]

TOKENS_AT_ONCE = 64
SMALL = 1e-4
"""The start weight of an anchor that is no constituent, so that its logit is finite."""


@dataclass(frozen=True)
class Mixture:
    """M tokens with K anchors each.

    Attributes
    ----------
    anchors : ndarray of int64, shape (M, K)
        Source ids, each once in a row; -1 where a row has fewer.
    logits : ndarray of float32, shape (M, K)
        Minus infinity where there is no anchor.
    """

    anchors: Ints
    logits: Floats

    @classmethod
    def start(cls, anchors: Ints, weights: csr_array) -> Mixture:
        """Begin at `weights` (M, S); a row without weights begins with equal shares of its anchors."""
        row = np.repeat(np.arange(len(anchors)), anchors.shape[1])
        begun = np.asarray(weights[row, np.maximum(anchors, 0).ravel()]).reshape(anchors.shape)
        logits = np.log(begun + SMALL)
        logits[anchors < 0] = -np.inf
        return cls(anchors, logits.astype(np.float32))

    @property
    def weights(self) -> Floats:
        """Softmax of the logits, shape (M, K); zeros in a row without anchors."""
        highest = self.logits.max(axis=1, keepdims=True)
        powers = np.exp(self.logits - np.where(np.isfinite(highest), highest, 0))
        return np.asarray(powers / np.maximum(powers.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny))

    def rows(self, weights: Floats, matrix: Floats) -> Floats:
        """Return the weighted sums of rows of `matrix` (S, d), shape (M, d)."""
        sparse = csr_array(
            (weights.ravel(), np.maximum(self.anchors, 0).ravel(), np.arange(0, weights.size + 1, weights.shape[1])),
            shape=(len(weights), len(matrix)),
        )
        return np.asarray(sparse @ matrix)

    def slopes(self, gradient: Floats, matrix: Floats) -> Floats:
        """Return how much each weight changes what changes the rows by `gradient` (M, d), shape (M, K)."""
        found = np.empty(self.anchors.shape, np.float32)
        kept = np.maximum(self.anchors, 0)
        for start in range(0, len(kept), TOKENS_AT_ONCE):
            part = slice(start, start + TOKENS_AT_ONCE)
            near = matrix.take(kept[part].ravel(), axis=0).reshape(*kept[part].shape, -1)
            found[part] = (near @ gradient[part][:, :, None])[:, :, 0]
        return found

    @staticmethod
    def logit_gradient(weights: Floats, slopes: Floats) -> Floats:
        """Return the gradient of the logits from that of the weights."""
        return np.asarray(weights * (slopes - (weights * slopes).sum(axis=1, keepdims=True)))

    def to_sparse(self, source_tokens: int, least: float) -> csr_array:
        """Return the weights that are at least `least` of the row's largest, made to sum to 1, shape (M, S)."""
        weights = self.weights.astype(np.float64)
        weights[weights < least * weights.max(axis=1, keepdims=True)] = 0
        weights /= weights.sum(axis=1, keepdims=True)
        row, place = np.nonzero(weights)
        columns = self.anchors[row, place]
        sparse = csr_array((weights[row, place], (row, columns)), shape=(len(weights), source_tokens))
        sparse.sort_indices()
        return sparse
