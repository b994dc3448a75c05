"""Every new row is the mean of the base's rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from vocabx.aligners.fallback import mean_where_empty
from vocabx.core.arrays import Bools
from vocabx.core.initialization import Initialization
from vocabx.core.segmenter import Segmenter
from vocabx.core.tokens import TokenTable

__all__ = ["Mean"]


@dataclass(frozen=True)
class Mean:
    """The mean of the usable rows of the same matrix (Hewitt 2021).

    Every row is convex and equal. Unused, special and padding rows take no part, which
    ``resize_token_embeddings`` of transformers does not see to.
    """

    def initialize(self, source: Segmenter, new: TokenTable, usable: Bools, seed: int) -> Initialization:
        """Return N copies of the mean; nothing is drawn, so the seed has no effect."""
        nothing = csr_array((len(new), len(source.tokens)), dtype=np.float64)
        return Initialization.shared(mean_where_empty(nothing, np.zeros(len(new), np.int64), usable))
