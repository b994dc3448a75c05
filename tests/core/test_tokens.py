from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import byte_level_tables, metaspace_tables, table, wordpiece_tables
from vocabx.core.errors import InputError
from vocabx.core.tokens import TokenKind, TokenTable

tables = st.one_of(byte_level_tables(), metaspace_tables(), wordpiece_tables())


@given(tables)
def test_a_surface_leads_to_the_lowest_text_id_that_has_it(tokens: TokenTable) -> None:
    text_ids = np.flatnonzero(tokens.is_text).tolist()
    assert {(tokens.surfaces[token], bool(tokens.word_initial[token])) for token in text_ids} == set(
        tokens.id_of_surface
    )
    for (surface, initial), found in tokens.id_of_surface.items():
        same = [t for t in text_ids if (tokens.surfaces[t], bool(tokens.word_initial[t])) == (surface, initial)]
        assert found == min(same, key=lambda token: (tokens.kinds[token], token))


def test_a_normal_piece_wins_over_a_byte_and_both_over_a_special_token() -> None:
    tokens = table([b"a", b"a", b"a"], [TokenKind.CONTROL, TokenKind.BYTE, TokenKind.NORMAL])
    assert tokens.id_of_surface == {(b"a", False): 2}


@given(tables)
def test_lengths_and_completeness_are_those_of_the_bytes(tokens: TokenTable) -> None:
    assert tokens.surface_lengths.tolist() == [len(surface) for surface in tokens.surfaces]
    for surface, complete in zip(tokens.surfaces, tokens.is_complete, strict=True):
        assert (surface.decode(errors="ignore").encode() == surface) == complete


@given(tables, st.data())
def test_a_selection_is_renumbered_and_has_no_roles(tokens: TokenTable, data: st.DataObject) -> None:
    ids = data.draw(st.lists(st.integers(0, len(tokens) - 1), max_size=5) if len(tokens) else st.just([]))
    chosen = tokens.select(ids)
    assert len(chosen) == len(ids)
    assert chosen.surfaces == tuple(tokens.surfaces[token] for token in ids)
    assert chosen.pieces == tuple(tokens.pieces[token] for token in ids)
    assert chosen.kinds.tolist() == tokens.kinds[ids].tolist()
    assert chosen.word_initial.tolist() == tokens.word_initial[ids].tolist()
    assert chosen.roles == {}


@pytest.mark.parametrize(
    ("surface", "kind", "shown"),
    [
        (" 한국".encode(), TokenKind.NORMAL, "␣한국"),
        ("한".encode()[:2], TokenKind.NORMAL, "<0xED><0x95>"),
        (b"\n", TokenKind.BYTE, "\n"),
        (b"<s>", TokenKind.CONTROL, "<s>"),
    ],
)
def test_a_token_is_shown_as_people_read_it(surface: bytes, kind: TokenKind, shown: str) -> None:
    assert table([surface], [kind]).show(0) == shown


@pytest.mark.parametrize("name", ["kinds", "word_initial", "surfaces"])
def test_every_column_has_one_value_per_id(name: str) -> None:
    tokens = table([b"a", b"b"])
    with pytest.raises(InputError, match=rf"{name}: expected shape \(2\), got \(1\)"):
        dataclasses.replace(tokens, **{name: getattr(tokens, name)[:1]})
