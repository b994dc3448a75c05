from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from tests.tokenizer_tools.toys import (
    byte_level,
    english,
    invented,
    korean,
    llama3_like,
    of_merges,
    t5_like,
    unigram,
    wordpiece,
)
from vocabx.tokenizer_tools.extend import extend_tokenizer
from vocabx.tokenizer_tools.extend.extended import ExtendedTokenizer
from vocabx.tokenizer_tools.extend.guard import LIMITS, Fires, read_sample
from vocabx.tokenizer_tools.extend.options import ExtensionOptions
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.surfaces import Family
from vocabx.tokenizer_tools.words import word_text

SAMPLE = (*english(), "", "in a", "  ", "<think>in")


@cache
def extended(limit: float, toy: str = "byte-level") -> ExtendedTokenizer:
    base = byte_level() if toy == "byte-level" else llama3_like()
    options = ExtensionOptions(size=120, minimum_frequency=2, source_change_limit=limit)
    return extend_tokenizer(base, [invented()], SAMPLE, options)


def changed_lines(before: FastSegmenter, after: FastSegmenter, lines: Sequence[str]) -> int:
    return sum(old != new for old, new in zip(before.encode(lines), after.encode(lines), strict=True))


@pytest.mark.parametrize("toy", ["byte-level", "like Llama 3"])
@pytest.mark.parametrize("limit", [0.0, 0.005, 0.02, 0.1, 1.0])
def test_the_lines_reported_as_changed_are_those_that_encode_otherwise(limit: float, toy: str) -> None:
    result = extended(limit, toy)
    assert result.scripts == ()
    assert result.sample_lines == len(SAMPLE)
    assert result.changed_lines == changed_lines(result.source, result.segmenter, SAMPLE)
    assert result.changed_lines <= limit * len(SAMPLE)
    assert len(result.selection.pieces) == 120


def test_a_looser_limit_lets_more_lines_change() -> None:
    changes = [extended(limit).changed_lines for limit in (0.0, 0.02, 1.0)]
    assert changes[0] == 0 < changes[1] < changes[2]


@pytest.mark.parametrize("limit", [0.0, 0.1])
def test_the_price_of_other_limits_is_monotone(limit: float) -> None:
    rows = extended(limit).tradeoffs
    assert tuple(row.limit for row in rows) == LIMITS
    assert all(row.changed_lines <= row.limit * len(SAMPLE) for row in rows)
    assert [row.changed_lines for row in rows] == sorted(row.changed_lines for row in rows)
    assert rows[-1].dropped_roots == 0
    assert rows[-1].kept_gain == 1
    assert 0 <= rows[0].kept_gain < 1
    assert rows[0].dropped_roots > 0


def test_a_new_script_changes_nothing_by_default() -> None:
    options = ExtensionOptions(size=150, minimum_frequency=2)
    result = extend_tokenizer(byte_level(), [korean()], english(), options)
    assert (result.scripts, result.source_change_limit, result.changed_lines) == (("Hangul",), 0.0, 0)
    assert changed_lines(result.source, result.segmenter, english()) == 0
    assert changed_lines(result.source, result.segmenter, korean()) > 300


def test_characters_that_share_bytes_with_a_new_script_do_not_change() -> None:
    # Hangul and some ideographs begin with the same byte; the half-made syllables must not fire on them.
    sample = [*english(), "국國가 漢字 豈更", "각更"]
    ideographs = ["豈更車賈滑串句龜龜契金喇奈懶癩羅蘿螺裸邏樂洛烙珞落酪駱"] * 20
    options = ExtensionOptions(size=60, minimum_frequency=2, scripts=("Hangul",))
    result = extend_tokenizer(byte_level(), [korean()], [*sample, *ideographs], options)
    assert changed_lines(result.source, result.segmenter, ideographs) == 0
    assert result.changed_lines == 0


@pytest.mark.parametrize("limit", [0.005, 0.02, 0.1])
def test_what_the_sample_does_not_show_is_taken_off_the_limit(limit: float) -> None:
    result = extended(limit)
    assert result.unseen_share > 0
    assert result.changed_lines <= max(0.0, limit - result.unseen_share) * result.sample_lines


def test_words_of_the_new_script_are_set_aside() -> None:
    sample = read_sample(byte_level(), ["The word 한국어 here", "한국", "API를 here"], ("Hangul",))
    assert [word_text(word, Family.BYTE_LEVEL) for word in sample.words] == ["The", " word", " here"]
    assert sample.size == 3
    assert sample.lines.toarray().tolist() == [[1, 1, 1], [0, 0, 0], [0, 0, 1]]


def test_a_script_that_the_source_language_uses_too_is_not_set_aside() -> None:
    options = ExtensionOptions(size=120, minimum_frequency=2, scripts=("Latin",))
    result = extend_tokenizer(byte_level(), [invented()], SAMPLE, options)
    assert (result.scripts, result.source_change_limit) == (("Latin",), 0.005)
    assert result.changed_lines == changed_lines(result.source, result.segmenter, SAMPLE) == 0
    mixed = ExtensionOptions(size=120, minimum_frequency=2, scripts=("Hangul", "Latin"), source_change_limit=0.02)
    result = extend_tokenizer(byte_level(), [[*invented(), *korean()[:50]]], [*SAMPLE, "한국어"], mixed)
    unlike = [line for line in SAMPLE if result.source.encode([line]) != result.segmenter.encode([line])]
    assert result.changed_lines == len(unlike) <= 3


def test_a_word_counts_in_a_line_as_often_as_it_stands_there() -> None:
    sample = read_sample(byte_level(), ["a b a a", "", " b"], ())
    assert [word_text(word, Family.BYTE_LEVEL) for word in sample.words] == ["a", " b", " a"]
    assert sample.lines.toarray().tolist() == [[1, 1, 2], [0, 0, 0], [0, 1, 0]]


def test_an_empty_sample_never_changes() -> None:
    result = extend_tokenizer(byte_level(), [korean()], [], ExtensionOptions(size=20, scripts=("Hangul",)))
    assert (result.sample_lines, result.changed_lines, result.tradeoffs) == (0, 0, ())


@st.composite
def fires(draw: st.DrawFn) -> Fires:
    lines, roots, pieces = draw(st.integers(1, 8)), draw(st.integers(1, 4)), draw(st.integers(4, 6))
    places = [[draw(st.booleans()) for _ in range(roots)] for _ in range(lines)]
    places[0] = [True] * roots  # every root fired somewhere
    needs = [
        [row == column or (row >= roots and draw(st.booleans())) for column in range(roots)] for row in range(pieces)
    ]
    gain = draw(st.lists(st.integers(0, 9), min_size=pieces, max_size=pieces))
    return Fires(
        tuple("abcd"[:roots]),
        csr_array(np.array(places, np.int64)),
        np.array(gain, np.float64),
        csr_array(np.array(needs, np.int64)),
    )


@given(fires(), st.floats(0, 1))
def test_roots_are_kept_until_no_other_fits(found: Fires, limit: float) -> None:
    places = found.lines.toarray() > 0
    kept = found.keep(limit)
    changed = places[:, kept].any(axis=1)
    assert found.changed_lines(kept) == changed.sum() <= limit * len(places)
    for root in np.flatnonzero(~kept):
        assert (changed | places[:, root]).sum() > int(limit * len(places))
    assert found.keep(1.0).all()


def test_roots_that_save_most_for_a_line_are_kept_first() -> None:
    lines = csr_array(np.array([[1, 0], [1, 0], [0, 1]]))
    found = Fires(("x", "y"), lines, np.array([3.0, 2.0]), csr_array(np.eye(2, dtype=np.int64)))
    assert found.keep(0.34).tolist() == [False, True]
    assert found.keep(0.67).tolist() == [False, True]  # one of three lines is left, and x needs two
    assert found.keep(1).tolist() == [True, True]
    assert [row.kept_gain for row in found.tradeoffs()] == [0.0] * 7 + [1.0]


def test_roots_that_fire_in_one_line_only_say_how_many_other_lines_change() -> None:
    lines = csr_array(np.array([[1, 2], [1, 0], [0, 0], [0, 0]]))
    found = Fires(("x", "y"), lines, np.array([3.0, 2.0]), csr_array(np.eye(2, dtype=np.int64)))
    assert found.unseen_share == 0.25  # y, however often it stands in that line


def test_words_refused_because_the_sample_holds_them_once_count_as_unseen_ones_elsewhere() -> None:
    words = ["zebra", "quokka", "xyzzy"]
    base = of_merges(*((word[:end], word[end]) for word in words for end in range(1, len(word) - 1)))
    options = ExtensionOptions(size=1, minimum_frequency=2)
    result = extend_tokenizer(base, [words * 9], ["Zebra", "quokka", "quokka", "no more"], options)
    assert result.new_tokens.surfaces == (b"xyzzy",)
    assert result.filtered == {"is a word of the source sample": 2}
    assert (result.changed_lines, result.unseen_share) == (0, 0.25)  # one of the two is in a single line of four
    assert extend_tokenizer(base, [words * 9], ["no more"], options).filtered == {}


def test_words_of_the_sample_are_learned_where_they_cannot_or_may_do_harm() -> None:
    known, corpus = "is a word of the source sample", [[*invented(), *english()]]
    held = ExtensionOptions(size=60, minimum_frequency=2, scripts=("Latin",))
    assert extend_tokenizer(byte_level(), corpus, english(), held).filtered[known] > 0
    free = ExtensionOptions(size=60, minimum_frequency=2, scripts=("Latin",), source_change_limit=1.0)
    result = extend_tokenizer(byte_level(), corpus, english(), free)
    assert known not in result.filtered
    assert result.changed_lines > 0
    foreign = ExtensionOptions(size=60, minimum_frequency=2)
    result = extend_tokenizer(byte_level(), [korean()], [*english(), *["한국어"] * 2], foreign)
    assert (result.scripts, known in result.filtered) == (("Hangul",), False)


@pytest.mark.parametrize("toy", [unigram, wordpiece, t5_like])
def test_lines_outside_the_sample_change_no_more_than_was_estimated(toy: Callable[[], FastSegmenter]) -> None:
    shared = [" ".join(pair) for pair in zip(english(), invented(len(english()), seed=3), strict=True)]
    corpus = [[*invented(), *shared[:60]]]
    options = ExtensionOptions(size=150, minimum_frequency=2)
    result = extend_tokenizer(toy(), corpus, shared[::2], options)
    elsewhere = changed_lines(result.source, result.segmenter, shared[1::2]) / len(shared[1::2])
    assert result.unseen_share > 0
    assert elsewhere <= 2 * (result.source_change_limit + result.unseen_share)
