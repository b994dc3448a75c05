"""Random convex weights: what being in the hull alone is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from vocabx.core.alignment import Alignment, mean_over
from vocabx.core.errors import InputError
from vocabx.core.transfer import Transfer

__all__ = ["RandomConvex"]


@dataclass(frozen=True)
class RandomConvex:
    """Weights drawn evenly from the simplex over a few usable source rows, drawn too.

    A control for methods whose rows are convex: it has their guarantee and no knowledge. Mundra et al. (2024) start
    from such weights.

    Attributes
    ----------
    sources : int
        Source rows that a new row is made of, at least 1.
    """

    sources: int = 10

    def __post_init__(self) -> None:
        if self.sources < 1:
            raise InputError(f"The option sources must be at least 1, not {self.sources}.")

    def align(self, transfer: Transfer) -> Alignment:
        """Return the drawn weights; the transfer's seed fixes them, and there is no evidence to count."""
        usable = mean_over(np.flatnonzero(transfer.usable), len(transfer.usable)).indices
        count, size = len(transfer.new_ids), min(self.sources, len(usable))
        rng = transfer.generator()
        drawn, weights = np.empty((count, size), np.int64), np.empty((count, size))
        for row in range(count):  # ids and weights in turn, so that a row does not depend on how many follow it
            drawn[row], weights[row] = rng.choice(usable, size, replace=False), rng.dirichlet(np.ones(size))
        starts = np.arange(count + 1) * size
        return Alignment.build(csr_array((weights.ravel(), drawn.ravel(), starts), shape=(count, len(transfer.usable))))
