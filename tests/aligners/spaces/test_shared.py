from __future__ import annotations

import numpy as np
import pytest

from tests.aligners.spaces.transfers import to_korean
from tests.tokenizer_tools.toys import TOYS, byte_level, metaspace
from vocabx.aligners.space import TokenVectors
from vocabx.aligners.spaces.shared import lift, require_shared
from vocabx.core.errors import InputError
from vocabx.core.tokens import TokenKind


@pytest.mark.parametrize("family", TOYS)
def test_a_source_token_gets_the_vector_of_the_target_token_with_its_bytes(family: str) -> None:
    transfer = to_korean(byte_level(), TOYS[family]())
    target, source = transfer.target.tokens, transfer.source.tokens
    vectors = np.random.default_rng(0).normal(size=(len(target), 3)).astype(np.float32)
    lifted = lift(vectors, transfer)
    known = target.id_of_surface
    for token in range(len(source)):
        other = known.get((source.surfaces[token], bool(source.word_initial[token])))
        is_first = source.id_of_surface.get((source.surfaces[token], bool(source.word_initial[token]))) == token
        expected = vectors[other] if other is not None and is_first else np.zeros(3)
        np.testing.assert_array_equal(lifted.source[token], expected)
    np.testing.assert_array_equal(lifted.new, vectors[transfer.new_ids])


def test_a_byte_lends_its_vector_only_where_the_character_has_none() -> None:
    transfer = to_korean(byte_level(), metaspace())
    target = transfer.target.tokens
    letter, byte = target.pieces.index("a"), target.pieces.index("<0x61>")
    assert target.kinds[byte] == TokenKind.BYTE
    assert transfer.shared[byte] == transfer.shared[letter] >= 0
    vectors = np.zeros((len(target), 1), np.float32)
    vectors[byte] = 1
    assert lift(vectors, transfer).source[transfer.shared[letter]] == 1
    vectors[letter] = 2
    assert lift(vectors, transfer).source[transfer.shared[letter]] == 2


def test_centring_leaves_a_mean_of_zero_and_unknown_rows_as_they_are() -> None:
    source = np.array([[1, 2], [0, 0], [5, 0]], np.float32)
    new = np.array([[0, 0], [3, 4]], np.float32)
    made = TokenVectors(source, new).centred()
    assert made.source.tolist() == [[-2, 0], [0, 0], [2, -2]]
    assert made.new.tolist() == [[0, 0], [0, 2]]
    assert made.source.dtype == made.new.dtype == np.float32


def test_a_space_without_a_usable_source_token_is_refused() -> None:
    transfer = to_korean()
    nothing = TokenVectors(np.zeros((len(transfer.source.tokens), 2), np.float32), np.ones((1, 2), np.float32))
    with pytest.raises(InputError, match="No usable token of the base has a vector in the file"):
        require_shared(nothing, transfer, "the file")
