"""Every new row is the mean of the base's rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from vocabx.aligners.fallback import mean_where_empty
from vocabx.core.initialization import Initialization
from vocabx.core.transfer import Transfer

__all__ = ["Mean"]


@dataclass(frozen=True)
class Mean:
    """The mean of the usable rows of the same matrix (Hewitt 2021).

    Every row is convex and equal. Unused, special and padding rows take no part, which
    ``resize_token_embeddings`` of transformers does not see to.
    """

    def initialize(self, transfer: Transfer) -> Initialization:
        """Return N copies of the mean; nothing is drawn, so the seed has no effect."""
        count = len(transfer.new_ids)
        nothing = csr_array((count, len(transfer.usable)), dtype=np.float64)
        return Initialization.shared(mean_where_empty(nothing, np.zeros(count, np.int64), transfer.usable))
