from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tokenizer_tools.toys import byte_level, korean, of_merges
from vocabx.core.tokens import is_complete_utf8
from vocabx.tokenizer_tools.extend.merges import Merge, learn_merges
from vocabx.tokenizer_tools.extend.selection import Selection, select
from vocabx.tokenizer_tools.surfaces import Family, piece_to_surface, surface_to_piece
from vocabx.tokenizer_tools.words import count_words, encode_words

HAN = surface_to_piece("한".encode(), Family.BYTE_LEVEL)  # three bytes
GUK = surface_to_piece("국".encode(), Family.BYTE_LEVEL)
HALF = HAN[:2]
SOURCE = of_merges(("a", "b")).tokens


def choose(
    merges: list[tuple[str, str]], size: int = 99, longest: int = 16, banned: frozenset[str] = frozenset()
) -> Selection:
    return select(
        SOURCE, Family.BYTE_LEVEL, [Merge(*merge) for merge in merges], size=size, longest=longest, banned=banned
    )


def test_a_part_of_a_character_comes_only_with_a_whole_one_that_names_it() -> None:
    selection = choose([(HAN[0], HAN[1]), (GUK[0], GUK[1]), (HALF, HAN[2])])
    assert selection.pieces == (HALF, HAN)
    assert selection.needed_by == {HALF: HAN}
    assert selection.merges == (Merge(HAN[0], HAN[1]), Merge(HALF, HAN[2]))


def test_no_more_than_the_size_is_taken_and_a_smaller_piece_fills_the_rest() -> None:
    merges = [("x", "y"), (HAN[0], HAN[1]), (HALF, HAN[2]), ("y", "z")]
    assert choose(merges, size=2).pieces == ("xy", "yz")
    assert choose(merges, size=3).pieces == ("xy", HALF, HAN)
    assert choose(merges, size=1).pieces == ("xy",)


def test_what_is_made_of_a_banned_piece_is_banned() -> None:
    merges = [("x", "y"), ("xy", "z"), ("xyz", "w"), ("w", "v")]
    assert choose(merges, banned=frozenset(["xy"])).pieces == ("wv",)
    assert choose(merges, banned=frozenset(["xyz"])).pieces == ("xy", "wv")
    assert choose([(HAN[0], HAN[1]), (HALF, HAN[2])], banned=frozenset([HALF])).pieces == ()


def test_what_is_made_of_a_piece_that_is_too_long_is_too_long() -> None:
    merges = [("x", "y"), ("xy", "z"), (HAN[0], HAN[1]), (HALF, HAN[2]), ("xyz", HAN), (HAN, HAN)]
    assert choose(merges, longest=2).pieces == ("xy", HALF, HAN, HAN + HAN)
    assert choose(merges, longest=1).pieces == (HALF, HAN)


def test_two_roads_to_one_surface_are_one_token_with_two_merges() -> None:
    selection = choose([("x", "y"), ("y", "z"), ("xy", "z"), ("x", "yz"), ("x", "yz")])
    assert selection.pieces == ("xy", "yz", "xyz")
    assert selection.merges == (Merge("x", "y"), Merge("y", "z"), Merge("xy", "z"), Merge("x", "yz"))
    assert selection.parts["xyz"] == Merge("xy", "z")


def test_a_second_road_through_a_piece_that_is_not_taken_is_left_out() -> None:
    selection = choose([("x", "y"), ("y", "z"), ("xy", "z"), ("x", "yz")], banned=frozenset(["yz"]))
    assert selection.merges == (Merge("x", "y"), Merge("xy", "z"))


def test_merges_that_spell_a_source_piece_are_left_out() -> None:
    selection = choose([("a", "b"), ("ab", "c")])
    assert selection.pieces == ("abc",)
    assert selection.merges == (Merge("ab", "c"),)


def test_roots_are_the_new_pieces_made_of_source_pieces_only() -> None:
    roots = choose([("x", "y"), ("z", "w"), ("xy", "zw"), ("xyzw", "ab")]).roots
    assert roots["xy"] == {"xy"}
    assert roots["xyzwab"] == roots["xyzw"] == {"xy", "zw"}


@given(
    size=st.integers(1, 250),
    longest=st.integers(1, 6),
    banned=st.sets(st.integers(0, 299), max_size=10),
)
def test_every_selection_is_closed_and_within_its_limits(size: int, longest: int, banned: set[int]) -> None:
    merges = LEARNED.merges
    refused = frozenset(merges[i].result for i in banned)
    selection = select(byte_level().tokens, Family.BYTE_LEVEL, merges, size=size, longest=longest, banned=refused)
    source, pieces = set(byte_level().tokens.pieces), set(selection.pieces)
    surfaces = {piece: piece_to_surface(piece, Family.BYTE_LEVEL) for piece in selection.pieces}
    assert len(selection.pieces) == len(pieces) <= size
    assert not pieces & (source | refused)
    assert list(selection.parts) == list(selection.pieces)
    assert pieces == {merge.result for merge in selection.merges}
    assert set(selection.needed_by) == {piece for piece in pieces if not is_complete_utf8(surfaces[piece])}
    known = set(source)
    for merge in selection.merges:
        assert {merge.left, merge.right} <= known
        known.add(merge.result)
    for piece, needed_by in selection.needed_by.items():
        assert needed_by in pieces
        assert is_complete_utf8(surfaces[needed_by])
        assert surfaces[piece] in surfaces[needed_by]
    for surface in surfaces.values():
        assert not is_complete_utf8(surface) or len(surface.decode()) <= longest


LEARNED = learn_merges(
    byte_level().tokens,
    encode_words(byte_level(), count_words(byte_level(), [korean()[:60]], compose=True), ["Hangul"]),
    size=300,
    minimum_frequency=2,
    only_new=True,
)


@pytest.mark.parametrize("size", [2, 7, 100])
def test_the_size_is_met_exactly_where_the_merges_allow_it(size: int) -> None:
    selection = select(byte_level().tokens, Family.BYTE_LEVEL, LEARNED.merges, size=size, longest=16)
    assert len(selection.pieces) == size
