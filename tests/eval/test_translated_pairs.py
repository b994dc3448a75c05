from __future__ import annotations

import pytest

from vocabx.core.errors import InputError
from vocabx.eval.translated_pairs import PROMPT, Direction, Pairs

FILES = ("en.txt", "ko.txt")
PAIRS = Pairs(("a house", "a book"), ("집", "책"))


def test_a_prompt_is_the_documented_one_after_its_examples() -> None:
    asked = Direction("English", "Korean", PAIRS[1:], PAIRS[:1])
    assert asked.prompts() == ["English: a house\nKorean: 집\n\nEnglish: a book\nKorean:"]
    filled = PROMPT.replace("{source language}", "English").replace("{target language}", "Korean")
    assert asked.ask("a book") == filled.replace("{source}", "a book")


def test_the_way_back_exchanges_everything() -> None:
    forth = Direction("English", "Korean", PAIRS[1:], PAIRS[:1])
    assert forth.reversed.prompts() == ["Korean: 집\nEnglish: a house\n\nKorean: 책\nEnglish:"]
    assert (forth.name, forth.reversed.name) == ("English-Korean", "Korean-English")
    assert forth.reversed.reversed == forth


def test_space_around_a_line_is_no_part_of_it() -> None:
    assert Pairs.of([" a house\r", "a book"], ["집 ", "책"], FILES) == PAIRS


def test_pairs_that_are_blank_on_a_side_or_the_same_on_both_are_not_translated() -> None:
    read = Pairs.of(["a house", "OK", " ", "b", "", "a book"], ["집", "OK ", "c", "\t", "", "책"], FILES)
    assert read.translated == PAIRS


def test_pairs_without_some_lines_share_none_with_them() -> None:
    assert PAIRS.without({"집"}) == PAIRS.without({"a house", "book"}) == PAIRS[1:]


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        (["a"], ["b", "c"], r"en.txt and ko.txt are not line-aligned: they have 1 and 2 lines\."),
        ([], [], "en.txt and ko.txt are empty"),
    ],
)
def test_lines_that_are_no_pairs_are_refused(source: list[str], target: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Pairs.of(source, target, FILES)
