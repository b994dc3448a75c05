from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.eval.segmenters import LongestMatch, WordPiece
from tests.strategies import byte_level_tables, metaspace_tables, table, texts, wordpiece_tables
from vocabx.core.arrays import Ragged
from vocabx.core.segmenter import Segmentation
from vocabx.core.tokens import TokenTable
from vocabx.eval.words import WHITE_SPACE, single_token_words

segmenters = st.one_of(
    byte_level_tables().map(LongestMatch),
    st.builds(LongestMatch, metaspace_tables(), st.sampled_from(["", " "])),
)


def words_one_by_one(segmentation: Segmentation, tokens: TokenTable) -> tuple[int, int]:
    """Count as `single_token_words` does, word by word and token by token."""
    words = single = 0
    for row, text in enumerate(segmentation.texts):
        places = token_places(segmentation.ids[row].tolist(), tokens, text)
        for begin, end in word_places(text.decode()):
            words += 1
            single += any(left <= begin and end <= right for left, right in places)
    return words, single


def word_places(text: str) -> list[tuple[int, int]]:
    """Bytes that each word takes, with the space before it."""
    spans = [match.span() for match in re.finditer(r"\S+", text)]
    with_space = [(begin - text[:begin].endswith(" "), end) for begin, end in spans]
    return [(len(text[:begin].encode()), len(text[:end].encode())) for begin, end in with_space]


def token_places(ids: list[int], tokens: TokenTable, text: bytes) -> list[tuple[int, int]]:
    """Bytes that each known token takes, counted from the left up to the first unknown one, then from the right."""
    unknown = tokens.roles.get("unk")
    places, place = [], 0
    for token in ids:
        if token == unknown:
            break
        places.append((place, place + len(tokens.surfaces[token])))
        place = places[-1][1]
    else:
        return places
    place = len(text)
    for token in reversed(ids):
        if token == unknown:
            break
        places.append((place - len(tokens.surfaces[token]), place))
        place = places[-1][0]
    return places


@given(segmenter=segmenters, lines=st.lists(texts, max_size=4))
def test_words_are_counted_as_one_by_one(segmenter: LongestMatch, lines: list[str]) -> None:
    segmentation = segmenter.segment_lines(lines)
    assert single_token_words(segmentation, segmenter.tokens) == words_one_by_one(segmentation, segmenter.tokens)


@given(segmenter=wordpiece_tables().map(WordPiece), lines=st.lists(texts, max_size=4))
def test_words_of_wordpiece_begin_where_a_token_opens_one(segmenter: WordPiece, lines: list[str]) -> None:
    segmented = [segmenter.ids(word.encode()) for line in lines for word in line.lower().split()]
    single = [ids for ids in segmented if len(ids) == 1 and ids != [segmenter.tokens.roles["unk"]]]
    counted = single_token_words(segmenter.segment_lines(lines), segmenter.tokens)
    assert counted == (len(segmented), len(single))


def test_white_space_is_what_python_splits_at() -> None:
    assert WHITE_SPACE.tolist() == [code for code in range(0x110000) if chr(code).isspace()]


@pytest.mark.parametrize(
    ("surfaces", "line", "words", "single"),
    [
        ([b"the", b" cat"], "the cat", 2, 2),
        ([b"the", b" ", b"cat"], "the cat", 2, 1),
        ([b"the ", b"cat"], "the cat", 2, 1),
        ([b" ", b" cat"], "  cat", 1, 1),
        ([b"the", b" c", b"at"], "the cat", 2, 1),
        ([b"the", b" of a", b"n"], "the of an", 3, 2),
        ([b"the\n", b"cat"], "the\ncat", 2, 2),
        ([b"\xed\x95", b"\x9c", b" \xed\x95\x9c"], "한 한", 2, 1),
        ([b" the"], "", 0, 0),
    ],
)
def test_a_word_holds_the_space_before_it(surfaces: list[bytes], line: str, words: int, single: int) -> None:
    tokens = table([*surfaces, b" x"])
    segmentation = LongestMatch(tokens).segment_lines([line])
    assert single_token_words(segmentation, tokens) == (words, single)


def test_an_unknown_token_is_no_word_and_moves_nothing_else() -> None:
    tokens = table([b" the", b" cat", b" "], unknown=True)
    segmentation = LongestMatch(tokens, prefix=" ").segment_lines(["the 한국 cat", "한 the 국 cat"])
    assert single_token_words(segmentation, tokens) == (7, 3)  # the second line hides where its `the` is


def test_punctuation_that_wordpiece_splits_off_is_a_word() -> None:
    tokens = table([b"don", b"'", b"t", b"go", b"ing"], word_initial=[True] * 4 + [False], unknown=True)
    segmentation = Segmentation(Ragged.from_rows([[0, 1, 2, 3, 4], [], [3]]), lambda: (b"don'tgoing", b"", b"go"))
    assert single_token_words(segmentation, tokens) == (5, 4)


def test_a_line_whose_surfaces_do_not_add_up_counts_no_token() -> None:
    tokens = table([b"the", b" cat"])
    segmentation = Segmentation(Ragged(np.array([0, 1, 0, 1]), np.array([0, 2, 4])), lambda: (b"the cat.", b"the cat"))
    assert single_token_words(segmentation, tokens) == (4, 2)
