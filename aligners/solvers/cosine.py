"""Weights proportional to the cosine, over all keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from vocabx.aligners.solvers.sparse_rows import require, sparse_rows, stacked
from vocabx.core.arrays import Floats, Ints
from vocabx.core.cosines import cosine_blocks, largest, unit_rows
from vocabx.core.errors import InputError
from vocabx.core.say import Say, say_nothing

__all__ = ["CosineLinear"]

LEAST_SUM = 1e-6
"""Cosines that sum to less do not say anything of a token."""

MOST_ABSOLUTE_WEIGHT = 1_000.0
"""Sum of absolute weights from which the sum of the cosines has vanished."""


@dataclass(frozen=True)
class CosineLinear:
    """Weigh every key by its cosine, divided by the sum of the cosines (CLP-Transfer, 2301.09626).

    Attributes
    ----------
    clip : bool
        Take negative cosines for 0, so that rows are convex. Off only with ``keep`` 0. The published
        method does not, and its weights grow without bound where the sum of the cosines comes near zero.
    keep : int
        Source tokens kept per new one, those with the largest cosines; 0 keeps all. Weights are scaled to sum to 1
        again. All are N x C numbers; `mass_kept` says what share of the weight that leaves.

    Notes
    -----
    Most cosines of a trained model are alike, so weights are nearly uniform and new rows much alike; with `keep` they
    differ more. A row without a positive cosine is empty.
    """

    clip: bool = True
    keep: int = 1_000

    def __post_init__(self) -> None:
        require(self.keep >= 0, "keep", self.keep, "0 or more")
        if not self.clip and self.keep:
            raise InputError(
                "Negative weights make sense over all keys only: with clip=no set --method-option keep=0 too."
            )

    def weigh(self, queries: Floats, keys: Floats, say: Say = say_nothing) -> csr_array:
        """Return weights, float64 and shape (N, C), of rows that sum to 1 or are empty.

        Raises
        ------
        InputError
            If `clip` is off and the cosines of a query sum to almost nothing.
        """
        if self.clip:
            parts = list(self._kept(queries, keys))
            if len(queries) and 0 < self.keep < len(keys):
                mass = sum(float(kept.sum()) for _, _, kept in parts) / len(queries)
                say(f"of the weight of all cosines, {mass:.1%} is on the {self.keep:,} that are kept")
            return stacked([sparse_rows(ids, weights, len(keys)) for ids, weights, _ in parts], len(keys))
        blocks = cosine_blocks(unit_rows(queries), unit_rows(keys))
        return stacked([csr_array(_unclipped(block, start)) for start, block in blocks], len(keys))

    def mass_kept(self, queries: Floats, keys: Floats) -> NDArray[np.float64]:
        """Return what share of its clipped cosines a row keeps, shape (N,); 1 for an empty row."""
        parts = [mass for _, _, mass in CosineLinear(keep=self.keep)._kept(queries, keys)]
        return np.concatenate([np.empty(0), *parts])

    def _kept(self, queries: Floats, keys: Floats) -> Iterator[tuple[Ints, NDArray[np.float64], NDArray[np.float64]]]:
        """Yield (ids, weights, share of the weight before it was scaled) of each block."""
        for _, block in cosine_blocks(unit_rows(queries), unit_rows(keys)):
            np.maximum(block, 0, out=block)
            total = block.sum(axis=1, dtype=np.float64)
            ids, found = largest(block, self.keep or block.shape[1])
            weights = found.astype(np.float64)
            kept = weights.sum(axis=1)
            usable = total > LEAST_SUM
            weights /= np.where(usable, kept, np.inf)[:, None]
            yield ids, weights, np.divide(kept, total, out=np.ones_like(total), where=usable)


def _unclipped(cosines: Floats, start: int) -> NDArray[np.float64]:
    total = cosines.sum(axis=1, dtype=np.float64)
    size = np.abs(cosines).sum(axis=1, dtype=np.float64)
    vanished = np.flatnonzero(size > MOST_ABSOLUTE_WEIGHT * np.abs(total))
    if len(vanished):
        raise InputError(
            f"The cosines of {len(vanished)} tokens, the first of them number {start + vanished[0]}, sum to almost "
            "nothing, so weights proportional to them have no bound; leave clip on, which takes negative ones for 0."
        )
    return np.asarray(cosines / total[:, None])
