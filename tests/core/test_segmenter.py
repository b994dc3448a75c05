from __future__ import annotations

from itertools import accumulate

from hypothesis import example, given
from hypothesis import strategies as st

from tests.strategies import table
from vocabx.core.arrays import Ragged
from vocabx.core.segmenter import Segmentation

TOKENS = table([b"", b"a", b"bb", "한".encode()])


@given(st.lists(st.lists(st.integers(0, 3))))
@example([])
@example([[], []])
@example([[], [1], []])
def test_byte_ends_add_up_surfaces_within_each_line(rows: list[list[int]]) -> None:
    segmentation = Segmentation(Ragged.from_rows(rows), tuple)
    expected = [end for row in rows for end in accumulate(len(TOKENS.surfaces[token]) for token in row)]
    assert segmentation.byte_ends(TOKENS).tolist() == expected


def test_texts_are_spelt_when_they_are_asked_for_and_once() -> None:
    calls: list[None] = []

    def spell() -> list[bytes]:
        calls.append(None)
        return [b"a", b"bb"]

    segmentation = Segmentation(Ragged.from_rows([[1], [2]]), spell)
    assert segmentation.byte_ends(TOKENS).tolist() == [1, 2]
    assert not calls
    assert segmentation.texts == segmentation.texts == (b"a", b"bb")
    assert len(calls) == 1
