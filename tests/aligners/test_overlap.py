from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import FLOAT_TYPES, table, words
from tests.tokenizer_tools.toys import byte_level, metaspace, wordpiece
from tests.transfers import transfer
from vocabx.aligners.constituents import Constituents
from vocabx.aligners.overlap import Overlap
from vocabx.core.alignment import Origin
from vocabx.core.tokens import TokenKind

OVERLAP = Overlap(Constituents())


@given(st.lists(st.one_of(words, words.map(" ".__add__)), max_size=6), st.sampled_from(FLOAT_TYPES))
def test_shared_tokens_are_copied_bit_for_bit_and_the_rest_is_the_other_aligners(
    texts: list[str], dtype: np.dtype[np.generic]
) -> None:
    source = byte_level()
    usable = source.tokens.is_text.copy()
    known = [source.tokens.surfaces[token] for token in (300, 301, 400)]
    new = table([*known, *(text.encode() for text in texts)])
    alignment, rest = OVERLAP.align(transfer(source, new, usable)), Constituents().align(transfer(source, new, usable))
    rows = np.random.default_rng(0).normal(size=(len(usable), 4)).astype(dtype)
    rows[300] = -0.0
    made, others = alignment.apply(rows).astype(dtype), rest.apply(rows).astype(dtype)
    for row, (surface, initial) in enumerate(zip(new.surfaces, new.word_initial.tolist(), strict=True)):
        same = source.tokens.id_of_surface.get((surface, initial))
        assert (alignment.origins[row] == Origin.COPIED) == (same is not None)
        expected = others[row] if same is None else rows[same]
        assert made[row].tobytes() == expected.tobytes()
    assert alignment.evidence[:3].tolist() == [1, 1, 1]
    assert alignment.is_convex.all()


def test_a_word_with_another_word_initial_flag_is_another_token() -> None:
    source = wordpiece()
    usable = source.tokens.is_text.copy()
    initial = source.backend.token_to_id("the")
    assert source.backend.token_to_id("##the") is None
    new = table([b"the", b"the"], word_initial=[True, False])
    assert transfer(source, new, usable).shared.tolist() == [initial, -1]
    assert OVERLAP.align(transfer(source, new, usable)).origins[0] == Origin.COPIED
    assert OVERLAP.align(transfer(source, new, usable)).origins[1] != Origin.COPIED


def test_tokens_are_shared_across_families_by_their_bytes() -> None:
    source, other = metaspace(), byte_level()
    usable = source.tokens.is_text.copy()
    found = transfer(source, other.tokens, usable).shared
    token = other.backend.token_to_id("Ġthe")
    assert found[token] == source.backend.token_to_id("▁the")


def test_an_unusable_row_is_not_copied() -> None:
    source = byte_level()
    usable = source.tokens.is_text.copy()
    usable[300] = False
    new = table([source.tokens.surfaces[300]])
    assert transfer(source, new, usable).shared.tolist() == [-1]
    assert OVERLAP.align(transfer(source, new, usable)).origins.tolist() == [Origin.FALLBACK]


def test_text_does_not_get_the_row_of_a_special_token() -> None:
    source = byte_level()
    assert source.tokens.kinds[source.roles["eos"]] == TokenKind.CONTROL
    new = table([b"<|end|>"])
    usable = np.ones(len(source.tokens), np.bool_)
    assert transfer(source, new, usable).shared.tolist() == [-1]


def test_no_new_token_needs_no_evidence() -> None:
    source = byte_level()
    assert len(OVERLAP.align(transfer(source, table([]), source.tokens.is_text))) == 0
