from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.aligners.spaces.transfers import vector_of
from tests.strategies import words
from tests.tokenizer_tools.toys import TOYS, byte_level, metaspace, of_merges, wordpiece
from vocabx.aligners.spaces.labelled_words import LabelledWords, is_labelled, labelled_words
from vocabx.aligners.spaces.token_vectors import WAYS, text_of_tokens, token_vectors
from vocabx.aligners.spaces.word_vectors import NgramTable, WordVectors
from vocabx.core.arrays import Floats
from vocabx.core.errors import InputError, UnknownNameError
from vocabx.core.segmenter import Segmenter
from vocabx.core.tokens import TokenKind


def vectors(texts: list[str], *, counts: list[int] | None = None, ngrams: bool = False) -> WordVectors:
    rows = np.random.default_rng(0).normal(size=(len(texts), 5)).astype(np.float32)
    table = NgramTable(np.random.default_rng(1).normal(size=(50, 5)).astype(np.float32), 2, 4, 50) if ngrams else None
    return WordVectors(tuple(texts), rows, None if counts is None else np.array(counts), table)


def oracle(segmenter: Segmenter, known: WordVectors, how: str) -> Floats:
    """The sum over spellings, word by word."""
    totals, sums = Counter[int](), np.zeros((len(segmenter.tokens), known.dimensions))
    for row, word in enumerate(known.words):
        spellings = [word, " " + word]
        if how == "incidence-unweighted" and word[:1].upper() + word[1:] != word:
            spellings.append(word[:1].upper() + word[1:])
        held = [set(segmenter.segment_lines([spelling]).ids.values.tolist()) for spelling in spellings]
        for token in set.union(*held):
            times = sum(token in tokens for tokens in held)
            if how == "incidence":
                times *= 1 if known.counts is None else int(known.counts[row])
            totals[token] += times
            sums[token] += times * known.rows[row].astype(np.float64)
    return np.array([sums[token] / totals[token] if totals[token] else sums[token] for token in range(len(sums))])


@pytest.mark.parametrize("family", TOYS)
@pytest.mark.parametrize("how", ["incidence", "incidence-unweighted"])
@settings(max_examples=30)
@given(st.lists(words, min_size=1, max_size=6, unique=True), st.booleans())
def test_a_token_is_the_mean_of_the_words_that_hold_it(family: str, how: str, texts: list[str], counted: bool) -> None:
    segmenter = TOYS[family]()
    known = vectors(texts, counts=[3 + 5 * row for row in range(len(texts))] if counted else None)
    made = token_vectors(segmenter, None, known, how)
    np.testing.assert_allclose(made, oracle(segmenter, known, how), atol=1e-5)
    some = np.arange(len(segmenter.tokens))[::-7]
    np.testing.assert_array_equal(token_vectors(segmenter, some, known, how), made[some])


def test_frequent_words_weigh_more_by_hand() -> None:
    segmenter = of_merges(("a", "b"), ("Ġ", "c"))
    known = WordVectors(("ab", "abab", "c"), np.eye(3, dtype=np.float32), np.array([3, 1, 5]))
    made = token_vectors(segmenter, None, known, "incidence")
    assert vector_of(made, segmenter, "ab").tolist() == [0.75, 0.25, 0]
    assert vector_of(made, segmenter, " c").tolist() == [0, 0, 1]
    assert vector_of(made, segmenter, "d").tolist() == [0, 0, 0]


def test_composing_gives_the_vector_of_the_stripped_text() -> None:
    for segmenter in (byte_level(), metaspace(), wordpiece()):
        known = vectors(["the", "language"], ngrams=True)
        made = token_vectors(segmenter, None, known)
        table = segmenter.tokens
        for token in np.flatnonzero(table.is_text & table.is_complete):
            text = table.surfaces[token].decode().strip()
            if table.id_of_surface[table.surfaces[token], bool(table.word_initial[token])] == token and text:
                np.testing.assert_allclose(made[token], known.vectors_of([text])[0], atol=1e-6)
            else:
                assert not made[token].any()
        assert not made[~table.is_text].any()
        assert not made[~table.is_complete].any()


def test_byte_spellings_of_characters_that_have_a_token_have_no_text() -> None:
    table = metaspace().tokens
    letter = table.pieces.index("<0x61>")
    assert "a" in table.pieces
    assert table.kinds[letter] == TokenKind.BYTE
    assert text_of_tokens(table, np.array([letter, table.pieces.index("a")])) == ["", "a"]


@given(st.integers(0, 99))
def test_token_vectors_are_linear_in_the_word_vectors(seed: int) -> None:
    known = vectors(["the", "language", "data", "한국"], ngrams=True)
    matrix = np.random.default_rng(seed).normal(size=(5, 5)).astype(np.float32)
    for how in WAYS:
        rotated = token_vectors(byte_level(), None, known.rotated(matrix), how)
        np.testing.assert_allclose(rotated, token_vectors(byte_level(), None, known, how) @ matrix, atol=1e-4)


def test_labelled_words_are_read_and_told_from_plain_ones() -> None:
    known = vectors(["kor:$물$", "eng:$water$", "swa:ma$ji", "water", "deu:$"])
    labelled = labelled_words(known)
    assert labelled.texts == (" 물", " water", "ma ji", "water")
    assert labelled.languages == ("kor", "eng", "swa", "eng")
    assert labelled.rows.tolist() == known.rows[:4].tolist()
    assert is_labelled(known)
    assert not is_labelled(vectors(["a", "b:c", "xyz:w"]))
    assert labelled.of(["eng"]).texts == (" water", "water")
    assert labelled.of([]) is labelled
    with pytest.raises(InputError, match="no word of the languages fra"):
        labelled.of(["fra", "kor"])


def test_words_of_two_languages_with_one_spelling_both_count() -> None:
    segmenter = of_merges(("a", "b"), ("Ġ", "A"))
    labelled = LabelledWords(("ab", " ab"), ("eng", "deu"), np.eye(2, dtype=np.float32))
    made = token_vectors(segmenter, None, labelled, "incidence-unweighted")
    assert vector_of(made, segmenter, "ab").tolist() == [0.5, 0.5]
    assert vector_of(made, segmenter, " A").tolist() == [0, 1]  # only the word that opens one is capitalised after it
    with pytest.raises(InputError, match="not with compose"):
        token_vectors(segmenter, None, labelled, "compose")


def test_an_unknown_way_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'incidence'"):
        token_vectors(byte_level(), None, vectors(["a"]), "incidnce")
