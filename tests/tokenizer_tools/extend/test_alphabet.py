from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tokenizer_tools.toys import (
    byte_level,
    cased_wordpiece,
    english,
    gemma_like,
    korean,
    lossy_metaspace,
    t5_like,
    wordpiece,
)
from vocabx.tokenizer_tools.extend.alphabet import missing_characters
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.surfaces import CONTINUATION
from vocabx.tokenizer_tools.words import CountedWords, count_words

MARKED = [gemma_like, t5_like, lossy_metaspace]


def counted(segmenter: FastSegmenter, *lines: str) -> CountedWords:
    return count_words(segmenter, [list(lines)], compose=True)


def test_a_byte_level_vocabulary_lacks_nothing() -> None:
    assert missing_characters(byte_level(), counted(byte_level(), *korean()), (), 1) == {}


@pytest.mark.parametrize("base", MARKED)
def test_characters_that_the_vocabulary_lacks_are_counted(base: Callable[[], FastSegmenter]) -> None:
    words = counted(base(), "가나 나나 ab ☃", "나 다")
    assert dict(missing_characters(base(), words, (), 1)) == {"나": 4, "☃": 1, "가": 1, "다": 1}
    assert list(missing_characters(base(), words, ("Hangul",), 1)) == ["나", "가", "다"]
    assert dict(missing_characters(base(), words, (), 2)) == {"나": 4}


@pytest.mark.parametrize("base", MARKED)
def test_no_space_is_ever_missing(base: Callable[[], FastSegmenter]) -> None:
    assert not missing_characters(base(), counted(base(), " ", "a  b", "\t\n", *english()), (), 1)


def test_wordpiece_needs_a_character_at_the_start_of_words_and_inside_them() -> None:
    words = counted(cased_wordpiece(), "가나 나가나 나")
    found = missing_characters(cased_wordpiece(), words, ("Hangul",), 1)
    assert dict(found) == {"##나": 2, "나": 2, "##가": 1, "가": 1}


def test_a_lowercasing_wordpiece_sees_the_letters_of_syllables() -> None:
    words = counted(wordpiece(), "가가")
    letters = unicodedata.normalize("NFD", "가")
    found = missing_characters(wordpiece(), words, ("Hangul",), 1)
    assert dict(found) == {letters[0]: 1, CONTINUATION + letters[0]: 1, CONTINUATION + letters[1]: 2}


def test_no_words_lack_nothing() -> None:
    assert missing_characters(t5_like(), counted(t5_like()), (), 1) == {}


@given(st.lists(st.text("가나다ab ☃", max_size=8), min_size=1, max_size=5), st.integers(1, 3))
def test_the_count_is_that_of_the_characters_of_the_text(lines: list[str], least: int) -> None:
    known = set(t5_like().tokens.pieces)
    counts = Counter(character for line in lines for character in line if character not in known | {" "})
    found = missing_characters(t5_like(), counted(t5_like(), *lines), (), least)
    assert dict(found) == {character: n for character, n in counts.items() if n >= least}
    assert list(found.values()) == sorted(found.values(), reverse=True)
