from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from tests.strategies import table
from vocabx.core import arrays
from vocabx.core.embeddings import Embeddings
from vocabx.core.errors import InputError
from vocabx.core.tokens import TokenKind


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
def test_text_tokens_with_a_trained_row_are_usable(dtype: type) -> None:
    rows: arrays.Matrix = np.array([[1, 0], [0, -0.0], [np.nan, 1], [np.inf, 1], [1, 1], [1, 1], [2, 2]]).astype(dtype)
    kinds = [TokenKind.NORMAL] * 4 + [TokenKind.BYTE, TokenKind.CONTROL]
    embeddings = Embeddings(table([b"t"] * 6, kinds), rows)
    assert embeddings.usable().tolist() == [True, False, False, False, True, False]


@pytest.mark.parametrize("kind", [kind for kind in TokenKind if kind not in (TokenKind.NORMAL, TokenKind.BYTE)])
def test_what_text_cannot_produce_is_not_usable(kind: TokenKind) -> None:
    assert not Embeddings(table([b"t"], [kind]), np.ones((1, 2))).usable().any()


def test_rows_beyond_one_block_are_looked_at() -> None:
    rows = np.ones((arrays.ROWS_PER_BLOCK + 2, 1), np.float32)
    rows[-1] = 0
    assert np.flatnonzero(~Embeddings(table([b"t"] * len(rows)), rows).usable()).tolist() == [len(rows) - 1]


@pytest.mark.parametrize("shape", [(1, 3), (2,)])
def test_every_id_needs_a_row(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="ids up to 1 but the embedding matrix has shape"):
        Embeddings(table([b"a", b"b"]), np.ones(shape))
