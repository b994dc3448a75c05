from __future__ import annotations

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.strategies import table, texts
from tests.tokenizer_tools.toys import TOYS
from vocabx.aligners.characters import CharacterPlaces
from vocabx.aligners.spans import TokenSizes, common_spans, lay_out
from vocabx.core.arrays import Ragged
from vocabx.core.segmenter import Segmentation


@st.composite
def two_cuts(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Cut the same number of bytes twice: where the pieces end."""
    size = draw(st.integers(1, 20))
    inner = st.sets(st.integers(1, max(1, size - 1)))
    return tuple(sorted({*draw(inner), size} - ({1} if size == 1 else set()) | {size}) for _ in range(2))  # type: ignore[return-value]


def smallest_common_span(source: list[int], target: list[int], token: int) -> list[int]:
    """Try every span with boundaries of both around the token, and return the source pieces within the smallest."""
    both = ({0, *source}) & ({0, *target})
    begin, end = [0, *target][token], target[token]
    low, high = min(((a, b) for a in both for b in both if a <= begin and end <= b), key=lambda span: span[1] - span[0])
    starts = [0, *source]
    return [piece for piece, stop in enumerate(source) if low <= starts[piece] and stop <= high]


@given(two_cuts())
def test_every_token_gets_the_pieces_inside_the_smallest_common_span(cuts: tuple[list[int], list[int]]) -> None:
    source, target = cuts
    starts, stops = common_spans(np.array(source), np.array(target))
    for token in range(len(target)):
        assert list(range(starts[token], stops[token])) == smallest_common_span(source, target, token)


@given(st.lists(two_cuts(), max_size=4))
def test_lines_in_a_row_are_matched_like_each_line_alone(lines: list[tuple[list[int], list[int]]]) -> None:
    offsets = [0, *accumulate(source[-1] for source, _ in lines)]
    together = [
        np.array([end + offset for cut, offset in zip(cuts, offsets, strict=False) for end in cut], np.int64)
        for cuts in (list(side) for side in zip(*lines, strict=True))
    ] or [np.empty(0, np.int64)] * 2
    starts, stops = common_spans(*together)
    expected, before = list[tuple[int, int]](), 0
    for source, target in lines:
        low, high = common_spans(np.array(source), np.array(target))
        expected += zip((low + before).tolist(), (high + before).tolist(), strict=True)
        before += len(source)
    assert list(zip(starts.tolist(), stops.tolist(), strict=True)) == expected


def laid(ids: list[list[int]], texts: list[bytes]) -> Segmentation:
    return Segmentation(Ragged.from_rows(ids), lambda: texts)


SOURCE = TokenSizes.of(table([b"a", b"b", b" ", b" b", b"?"]))
TARGET = TokenSizes.of(table([b"ab", b" ab", b" "]))


def test_equal_texts_count_with_their_white_space() -> None:
    source, target, skipped = lay_out((laid([[2, 0, 1]], [b" ab"]), SOURCE), (laid([[1]], [b" ab"]), TARGET))
    assert source[1].tolist() == [1, 2, 3]
    assert target[1].tolist() == [3]
    assert skipped == 0


def test_texts_that_differ_in_white_space_count_without_it() -> None:
    source, target, skipped = lay_out((laid([[2, 0, 1]], [b" ab"]), SOURCE), (laid([[0]], [b"ab"]), TARGET))
    assert (source[0].tolist(), source[1].tolist()) == ([0, 1], [1, 2])
    assert target[1].tolist() == [2]
    assert skipped == 0


@pytest.mark.parametrize(
    ("ids", "text"), [([0, 0], b"aa"), ([4, 0, 1], b"ab"), ([0], b"ab")], ids=["another text", "unknown", "lost"]
)
def test_a_line_that_the_tokens_do_not_spell_alike_is_skipped(ids: list[int], text: bytes) -> None:
    source, target, skipped = lay_out(
        (laid([ids, [0, 1]], [text, b"ab"]), SOURCE), (laid([[0], [0]], [b"ab", b"ab"]), TARGET)
    )
    assert skipped == 1
    assert (source[1].tolist(), target[1].tolist()) == ([1, 2], [2])


@pytest.mark.parametrize("left", TOYS)
@pytest.mark.parametrize("right", TOYS)
@settings(max_examples=8)
@example(lines=["\xad"])
@given(lines=st.lists(texts, min_size=1, max_size=3))
def test_both_sides_end_at_the_same_place_whatever_the_families(left: str, right: str, lines: list[str]) -> None:
    source, target = TOYS[left](), TOYS[right]()
    sides = [(toy.segment_lines(lines), TokenSizes.of(toy.tokens)) for toy in (source, target)]
    (_, source_ends), (_, target_ends), skipped = lay_out(sides[0], sides[1], lines, CharacterPlaces(source, target))
    assert source_ends[-1:].tolist() == target_ends[-1:].tolist()
    assert (np.diff(source_ends) > 0).all()
    assert 0 <= skipped <= len(lines)
    starts, stops = common_spans(source_ends, target_ends)
    assert (stops > starts).all()
