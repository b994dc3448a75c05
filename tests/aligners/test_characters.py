from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.strategies import table
from vocabx.aligners.characters import STRIDE, CharacterPlaces
from vocabx.core.arrays import Ints, Ragged
from vocabx.core.segmenter import Segmentation
from vocabx.core.tokens import TokenTable


@dataclass(frozen=True)
class Normalizing:
    """Writes lines in a Unicode form, and in small letters where asked to."""

    form: str = "NFC"
    lowers: bool = False

    @property
    def tokens(self) -> TokenTable:
        return table([])

    @property
    def merges(self) -> Ints:
        return np.empty((0, 3), np.int64)

    def segment_lines(self, lines: Sequence[str]) -> Segmentation:
        texts = [unicodedata.normalize(self.form, line) for line in lines]  # type: ignore[arg-type]
        return Segmentation(
            Ragged.from_rows([[]] * len(lines)),
            lambda: [(text.lower() if self.lowers else text).encode() for text in texts],
        )

    def segment_surfaces(self, tokens: TokenTable) -> Ragged:
        return Ragged.from_rows([[]] * len(tokens))


def places(left: Normalizing, right: Normalizing, line: str, *ends: list[int]) -> list[list[int]] | None:
    texts = [b"".join(side.segment_lines([line]).texts[0].split()) for side in (left, right)]
    found = CharacterPlaces(left, right).of_line(line, texts, [np.array(end) for end in ends])
    return None if found is None else [place.tolist() for place in found]


def test_edges_of_characters_are_the_same_place_however_they_are_written() -> None:
    # 한 takes 3 bytes composed and 9 decomposed
    found = places(Normalizing(), Normalizing("NFD"), "한 a한", [3, 4, 7], [9, 10, 19])
    assert found == [[STRIDE, 2 * STRIDE, 3 * STRIDE]] * 2


def test_places_within_a_character_meet_only_where_both_write_it_alike() -> None:
    alike = places(Normalizing(), Normalizing(lowers=True), "語A", [1, 4], [1, 4])
    assert alike is not None
    assert alike[0] == alike[1]
    left, right = places(Normalizing(), Normalizing("NFD"), "한", [1, 3], [1, 9]) or ([], [])
    assert left[0] != right[0]
    assert left[1] == right[1]


def test_a_text_that_is_not_its_characters_in_a_row_is_not_understood() -> None:
    decomposed = unicodedata.normalize("NFD", "한")
    assert places(Normalizing(), Normalizing("NFD"), decomposed, [3], [9]) is None
    assert places(Normalizing(), Normalizing(), "ab", [1], [2]) is None
