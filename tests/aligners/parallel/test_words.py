from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import texts
from tests.tokenizer_tools.toys import MORE_TOYS, TOYS, byte_level, of_merges
from vocabx.aligners.parallel.words import find_words, tokens_in_words, word_ids
from vocabx.core.segmenter import Segmenter

ALL_TOYS = {**TOYS, **MORE_TOYS}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Don’t open os.path!", ["Don’t", "open", "os", ".", "path", "!"]),
        ("리스트를 정렬합니다.", ["리스트를", "정렬합니다", "."]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("漢字 and text", ["漢", "字", "and", "text"]),
        ("x_1 = 2", ["x_1", "=", "2"]),
    ],
)
def test_words_are_cut_where_people_see_them(line: str, words: list[str]) -> None:
    assert find_words(line) == words


@given(texts)
def test_every_visible_character_is_in_one_word(line: str) -> None:
    line = " ".join(line.split())
    assert "".join(find_words(line)) == line.replace(" ", "")


def test_words_have_the_same_id_whatever_their_case() -> None:
    assert word_ids([["The", "the"], [], ["cat", "THE"]]).values.tolist() == [0, 0, 1, 0]


def surfaces_of_words(segmenter: Segmenter, line: str, words: list[str]) -> list[bytes]:
    found = tokens_in_words(segmenter, [line], [words])
    assert found.skipped == 0
    return [b"".join(segmenter.tokens.surfaces[token] for token in found.tokens[i]) for i in range(len(words))]


@pytest.mark.parametrize("family", ALL_TOYS)
def test_the_tokens_of_a_word_spell_it(family: str) -> None:
    segmenter, line = ALL_TOYS[family](), "the language of the computer, and more"
    words = find_words(line)
    assert [surface.strip().decode() for surface in surfaces_of_words(segmenter, line, words)] == words


@settings(max_examples=30)
@pytest.mark.parametrize("family", TOYS)
@given(lines=st.lists(texts, min_size=1, max_size=4))
def test_every_visible_token_of_a_line_is_in_one_word_or_the_line_is_skipped(family: str, lines: list[str]) -> None:
    segmenter, lines = TOYS[family](), [" ".join(line.split()) for line in lines]
    words = [find_words(line) for line in lines]
    found = tokens_in_words(segmenter, lines, words)
    assert len(found.tokens) == sum(map(len, words))
    rows = [segmenter.segment_lines([line]).ids[0].tolist() for line in lines]
    visible = [[token for token in row if segmenter.tokens.surfaces[token].split()] for row in rows]
    skipped = 0
    for line, first in enumerate(found.first_words.tolist()):
        got = [token for word in range(first, first + len(words[line])) for token in found.tokens[word].tolist()]
        skipped += got != visible[line]
        assert got in (visible[line], [])
    assert skipped <= found.skipped


def test_a_token_that_crosses_words_is_in_the_one_that_its_middle_is_in() -> None:
    segmenter = of_merges(("a", "b"), ("ab", "c"))
    assert surfaces_of_words(segmenter, "abcd", ["a", "bcd"]) == [b"", b"abcd"]
    assert surfaces_of_words(segmenter, "abab", ["ab", "a", "b"]) == [b"ab", b"ab", b""]


def test_a_word_may_have_no_token_and_lines_may_have_no_word() -> None:
    found = tokens_in_words(byte_level(), ["", "the", ""], [[], ["the"], []])
    assert (found.first_words.tolist(), found.tokens.lengths.sum(), found.skipped) == (
        [0, 0, 1],
        len(found.tokens[0]),
        0,
    )


def test_a_line_that_the_vocabulary_cannot_spell_is_skipped() -> None:
    found = tokens_in_words(TOYS["WordPiece"](), ["the 語 the", "the"], [["the", "語", "the"], ["the"]])
    assert found.skipped == 1
    assert found.tokens.lengths[:3].sum() == 0
    assert len(found.tokens[3]) == 1
