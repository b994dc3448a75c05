"""Embeddings: a token table and its rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vocabx.core.arrays import Bools, Matrix, row_blocks
from vocabx.core.errors import InputError
from vocabx.core.tokens import TokenTable

__all__ = ["Embeddings"]


@dataclass(frozen=True)
class Embeddings:
    """The rows of a tokenizer's tokens, in their stored type; row i belongs to id i.

    The matrix may have more rows than the table has ids (padding), never fewer.
    """

    tokens: TokenTable
    rows: Matrix

    def __post_init__(self) -> None:
        if self.rows.ndim != 2 or len(self.rows) < len(self.tokens):
            raise InputError(
                f"The tokenizer has ids up to {len(self.tokens) - 1} but the embedding matrix has shape "
                f"{self.rows.shape}: they do not belong together."
            )

    def usable(self) -> Bools:
        """Mark the ids that may take part in a mean, shape (S,).

        They are text tokens with a finite row that is not all zero. Special, reserved and absent ids are left
        out, and so are rows that were never written.
        """
        trained = np.empty(len(self.tokens), np.bool_)
        for start, block in row_blocks(self.rows[: len(self.tokens)]):
            trained[start : start + len(block)] = np.isfinite(block).all(axis=1) & block.any(axis=1)
        return trained & self.tokens.is_text
