from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.eval.segmenters import LongestMatch, WordPiece
from tests.strategies import byte_level_tables, metaspace_tables, table, texts, wordpiece_tables
from vocabx.core.arrays import Ragged
from vocabx.core.segmenter import Segmentation, Segmenter
from vocabx.core.tokens import TokenTable
from vocabx.eval.words import WHITE_SPACE, single_token_words

segmenters = st.one_of(
    byte_level_tables().map(LongestMatch),
    st.builds(LongestMatch, metaspace_tables(), st.sampled_from(["", " "])),
    wordpiece_tables().map(WordPiece),
)


def words_one_by_one(segmentation: Segmentation, tokens: TokenTable) -> tuple[int, int]:
    """Count as `single_token_words` does, word by word and token by token."""
    keeps_space = any(b" " in surface for surface in tokens.surfaces)
    words = single = 0
    for row, text in enumerate(segmentation.texts):
        places = token_places(segmentation.ids[row].tolist(), tokens, text if keeps_space else b"".join(text.split()))
        for begin, end in word_places(text.decode(), keeps_space):
            words += 1
            single += any(left <= begin and end <= right for left, right in places)
    return words, single


def word_places(text: str, keeps_space: bool) -> list[tuple[int, int]]:
    """Bytes that each word takes, with the space before it or in a text without white space."""
    places = []
    for match in re.finditer(r"\S+", text):
        begin, end = match.span()
        if keeps_space:
            begin -= text[:begin].endswith(" ")
            places.append((len(text[:begin].encode()), len(text[:end].encode())))
        else:
            before = len("".join(text[:begin].split()).encode())
            places.append((before, before + len(match.group().encode())))
    return places


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
def test_words_are_counted_as_one_by_one(segmenter: Segmenter, lines: list[str]) -> None:
    # The oracle splits bytes, which know no white space beyond ASCII.
    if isinstance(segmenter, WordPiece):
        lines = [" ".join(line.split()) for line in lines]
    segmentation = segmenter.segment_lines(lines)
    assert single_token_words(segmentation, segmenter.tokens) == words_one_by_one(segmentation, segmenter.tokens)


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


def test_punctuation_that_wordpiece_splits_off_is_part_of_the_word() -> None:
    tokens = table([b"don", b"'", b"t", b"go"], word_initial=[True] * 4, unknown=True)
    segmentation = Segmentation(Ragged.from_rows([[0, 1, 2, 3]]), (b"don't go",))
    assert single_token_words(segmentation, tokens) == (2, 1)


def test_a_line_whose_surfaces_do_not_add_up_counts_no_token() -> None:
    tokens = table([b"the", b" cat"])
    segmentation = Segmentation(Ragged(np.array([0, 1, 0, 1]), np.array([0, 2, 4])), (b"the cat.", b"the cat"))
    assert single_token_words(segmentation, tokens) == (4, 2)
