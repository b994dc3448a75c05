from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from gensim.models import FastText
from gensim.models.fasttext import FastTextKeyedVectors
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import words
from vocabx.aligners.spaces.word_vectors import NgramTable, WordVectors
from vocabx.core.arrays import Floats
from vocabx.core.errors import InputError

TEXT = [["hello", "world", "안녕", "세계", "naïve"]] * 5


@cache
def oracle() -> FastTextKeyedVectors:
    """What gensim trained."""
    return FastText(TEXT, vector_size=6, min_count=1, bucket=500, min_n=2, max_n=4, seed=1, workers=1).wv


def ours() -> WordVectors:
    wv = oracle()
    table = NgramTable(wv.vectors_ngrams, wv.min_n, wv.max_n, wv.bucket)
    return WordVectors(tuple(wv.index_to_key), wv.vectors, ngrams=table)


def random_rows(rows: int, columns: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)


@given(st.lists(st.one_of(words, st.sampled_from(TEXT[0])), max_size=6))
def test_vectors_are_those_of_gensim(texts: list[str]) -> None:
    expected = np.array([oracle()[text] for text in texts], np.float32).reshape(len(texts), 6)
    np.testing.assert_allclose(ours().vectors_of(texts), expected, rtol=0, atol=1e-6)


def test_a_composed_vector_is_the_mean_of_hashed_ngrams_by_hand() -> None:
    def fnv(ngram: bytes) -> int:
        value = 2166136261
        for byte in ngram:
            signed = byte - 256 if byte > 127 else byte
            value = ((value ^ (signed & 0xFFFFFFFF)) * 16777619) & 0xFFFFFFFF
        return value

    rows = random_rows(101, 3)
    ngrams = ["<한a", "한a>", "<한a>"]
    expected = np.mean([rows[fnv(ngram.encode()) % 101] for ngram in ngrams], axis=0)
    table = NgramTable(rows, 3, 6, 101)
    np.testing.assert_allclose(table.compose(["한a"])[0], expected, atol=1e-6)


def test_words_without_ngrams_are_zero() -> None:
    vectors = WordVectors(("a",), np.ones((1, 2), np.float32), ngrams=NgramTable(random_rows(7, 2), 5, 6, 7))
    assert not vectors.vectors_of(["", "b", "</s>"]).any()
    assert not WordVectors(("a",), np.ones((1, 2), np.float32)).vectors_of(["unknown"]).any()


def test_buckets_that_were_never_trained_count_as_zero() -> None:
    known = np.array([3, 50, 51, 99])
    every = np.zeros((101, 4), np.float32)
    every[known] = random_rows(4, 4)
    texts = ["hello", "안녕하세요", "x"]
    full, part = NgramTable(every, 1, 6, 101), NgramTable(every[known], 1, 6, 101, known)
    assert part.compose(texts).any()
    np.testing.assert_allclose(part.compose(texts), full.compose(texts), atol=1e-6)
    assert not NgramTable(every[:0], 1, 6, 101, known[:0]).compose(texts).any()


@given(st.lists(st.one_of(words, st.sampled_from(TEXT[0])), min_size=1, max_size=6), st.integers(0, 99))
def test_rotating_commutes_with_composing(texts: list[str], seed: int) -> None:
    first, second = random_rows(6, 6, seed), random_rows(6, 4, seed + 1)
    rotated = ours().rotated(first).rotated(second)
    assert rotated.dimensions == 4
    np.testing.assert_allclose(rotated.vectors_of(texts), ours().vectors_of(texts) @ first @ second, atol=1e-4)


def test_vectors_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="name a word twice"):
        WordVectors(("a", "a"), np.ones((2, 2), np.float32))
    with pytest.raises(InputError, match="NaN or infinite"):
        WordVectors(("a",), np.array([[np.nan]], np.float32))
    with pytest.raises(InputError, match=r"word vectors: expected shape \(1, any\), got \(2, 2\)"):
        WordVectors(("a",), np.ones((2, 2), np.float32))
    with pytest.raises(InputError, match="n-grams hold NaN"):
        NgramTable(np.full((3, 2), np.inf, np.float32), 3, 6, 3).compose(["word"])
