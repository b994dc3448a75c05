from __future__ import annotations

import unicodedata
from collections import Counter

import numpy as np
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from tests.strategies import texts
from tests.tokenizer_tools.toys import ALPHABET, byte_level, english, korean, llama3_like, of_merges
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.surfaces import Family, surface_to_piece
from vocabx.tokenizer_tools.words import count_words, encode_words, holds_scripts, word_text

DECOMPOSED = unicodedata.normalize("NFD", "한국어")


def native(text: str) -> str:
    return surface_to_piece(text.encode(), Family.BYTE_LEVEL)


def test_counts_are_those_of_a_plain_counter() -> None:
    lines = [*korean()[:50], *english()[:50], *korean()[:20]]
    split = byte_level().backend.pre_tokenizer.pre_tokenize_str
    expected = Counter(word for line in lines for word, _ in split(line))
    seen: list[int] = []
    words = count_words(byte_level(), [lines[:70], lines[70:]], compose=False, progress=seen.append)
    assert dict(zip(words.words, words.counts.tolist(), strict=True)) == expected
    assert (words.lines, words.characters) == (120, sum(map(len, lines)))
    assert seen == [70, 120]


def test_words_come_by_count_and_then_by_spelling_whatever_the_order_of_lines() -> None:
    words = count_words(byte_level(), [["b a c", "c"]], compose=True)
    assert words.words == ("b", "c", "Ġa", "Ġc")
    words = count_words(byte_level(), [["c c", " c b", "c"]], compose=True)
    assert (words.words, words.counts.tolist()) == (("c", "Ġc", "Ġb"), [2, 2, 1])


def test_composition_joins_the_two_forms_of_a_word() -> None:
    lines = ["한국어", DECOMPOSED]
    composed = count_words(byte_level(), [lines], compose=True)
    assert (composed.words, composed.counts.tolist(), composed.characters) == ((native("한국어"),), [2], 6)
    assert len(count_words(byte_level(), [lines], compose=False).words) == 2
    # The tokenizer's own normaliser composes in any case.
    assert len(count_words(llama3_like(), [lines], compose=False).words) == 1


def test_added_tokens_are_no_words() -> None:
    words = count_words(llama3_like(), [["한국<think>어<|end|>"]], compose=True)
    assert set(words.words) == {native("한국"), native("어")}


def test_a_corpus_without_words_is_counted_and_encoded() -> None:
    words = count_words(byte_level(), [], compose=True)
    encoded = encode_words(byte_level(), words, ["Hangul"])
    assert (words.words, words.lines, encoded.is_new.tolist(), len(encoded.ids)) == ((), 0, [], 0)


def flags_of_bytes(text: str, script: str) -> list[bool]:
    is_wanted = regex.compile(rf"\p{{Script={script}}}")
    return [bool(is_wanted.match(character)) for character in text for _ in character.encode()]


def check_flags(segmenter: FastSegmenter, lines: list[str], script: str) -> None:
    """Compare with a loop over the tokens of every word."""
    encoded = encode_words(segmenter, count_words(segmenter, [lines], compose=False), [script])
    position = 0
    for number, word in enumerate(encoded.words.words):
        text = word_text(word, segmenter.family)
        flags, place = flags_of_bytes(text, script), 0
        for token in encoded.ids[number].tolist():
            surface = segmenter.tokens.surfaces[token]
            assert text.encode()[place : place + len(surface)] == surface
            assert encoded.is_new[position] == any(flags[place : place + len(surface)])
            place += len(surface)
            position += 1
        assert place == len(flags)
    assert position == len(encoded.is_new)


# A token that ends inside a Hangul syllable, and one that joins a Latin letter to the first byte of one.
CROSSING = of_merges(("Ġ", "í"), ("a", "í"), ("ķ", "ľ"), ("í", "ķ"))


@given(st.lists(texts, max_size=3))
def test_tokens_are_new_where_they_hold_a_byte_of_a_wanted_character(lines: list[str]) -> None:
    check_flags(CROSSING, lines, "Hangul")
    check_flags(llama3_like(), lines, "Hangul")


def test_tokens_are_new_in_real_lines_where_they_hold_a_byte_of_a_wanted_character() -> None:
    check_flags(byte_level(), [*korean()[:30], *english()[:30]], "Hangul")
    check_flags(byte_level(), [*korean()[:30], *english()[:30]], "Latin")


def test_words_that_the_vocabulary_cannot_spell_are_left_out() -> None:
    segmenter = of_merges(alphabet=[character for character in ALPHABET if character != native("\x04")])
    words = count_words(segmenter, [["한 \x04 어 x\x04y 한"]], compose=True)
    encoded = encode_words(segmenter, words, ["Hangul"])
    kept = [word_text(word, segmenter.family) for word in encoded.words.words]
    assert kept == ["y", "한", " x", " 어", " 한"]
    assert encoded.words.counts.tolist() == [1] * 5
    assert encoded.words.lines == 1
    for word, row in zip(kept, range(5), strict=True):
        begin, end = encoded.ids.starts[row : row + 2]
        assert encoded.is_new[begin:end].tolist() == flags_of_bytes(word, "Hangul")


def test_words_cut_inside_a_character_are_counted_all_the_same() -> None:
    backend = of_merges().backend
    # Falcon's order: "²", "¼" and the like stand for bytes, and the second stage takes them for digits.
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.ByteLevel(add_prefix_space=False), pre_tokenizers.Digits(individual_digits=True)]
    )
    segmenter = FastSegmenter.from_backend(backend)
    words = count_words(segmenter, [["겼한국"]], compose=True)
    assert any("\ufffd" in word_text(word, segmenter.family) for word in words.words)
    encoded = encode_words(segmenter, words, ["Hangul"])
    assert len(encoded.is_new) == len(encoded.ids.values) == 9


@pytest.mark.parametrize(
    ("text", "scripts", "holds"),
    [
        ("한국", ["Hangul"], True),
        ("abc한", ["Hangul"], True),
        ("abc", ["Hangul"], False),
        ("abc", ["Hangul", "Latin"], True),
        (DECOMPOSED, ["Hangul"], True),
        ("漢😀", ["Hangul"], False),
        ("한", [], False),
    ],
)
def test_a_word_holds_a_script_when_one_character_does(text: str, scripts: list[str], holds: bool) -> None:
    assert holds_scripts([native("x"), native(text), native("1")], scripts, Family.BYTE_LEVEL).tolist() == [
        "Latin" in scripts,
        holds,
        False,
    ]


def test_no_words_hold_no_script() -> None:
    assert np.array_equal(holds_scripts([], ["Hangul"], Family.BYTE_LEVEL), np.zeros(0, np.bool_))
