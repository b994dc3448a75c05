from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import regex
from hypothesis import given

from tests.aligners.spaces.transfers import korean_corpus
from tests.strategies import texts
from tests.tokenizer_tools.toys import TOYS, byte_level, korean
from vocabx.aligners.spaces.sentences import Sentences, split_words, token_sentences, word_sentences
from vocabx.core.corpus import Corpus
from vocabx.core.errors import CorpusError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't stop, it’s 3.5 €!", ["Don't", "stop", ",", "it’s", "3", ".", "5", "€", "!"]),
        ("데이터를 (읽는다).", ["데이터를", "(", "읽는다", ")", "."]),
        ("東京タワーへ行く", ["東", "京", "タワー", "へ", "行", "く"]),
        ("हिन्दी में क्षि।", ["हिन्दी", "में", "क्षि", "।"]),
        ("می‌خواهم 'quoted' snake_case", ["می‌خواهم", "'", "quoted", "'", "snake_case"]),
        ("\u1112\u1161\u11ab de\u0301ja\u0300", ["\u1112\u1161\u11ab", "de\u0301ja\u0300"]),
        (" \t\u3000\u00a0\x07", []),
    ],
)
def test_words_by_hand(text: str, expected: list[str]) -> None:
    assert split_words(text) == expected


@given(texts)
def test_splitting_loses_only_white_space_and_invisible_characters(text: str) -> None:
    assert "".join(split_words(text)) == regex.sub(r"\s|(?!\p{Join_Control})\p{C}", "", text)


def test_word_sentences_are_the_words_of_the_lines(tmp_path: Path) -> None:
    sentences = word_sentences(korean_corpus(tmp_path))
    expected = [split_words(line) for line in korean()]
    assert list(sentences.lines(10_000)) == expected
    assert sentences.counts.sum() == sum(map(len, expected))
    assert sentences.size == sum(len(line.encode()) for line in korean())


@pytest.mark.parametrize("family", TOYS)
def test_token_sentences_are_the_text_tokens_of_the_lines(family: str, tmp_path: Path) -> None:
    segmenter = TOYS[family]()
    sentences = token_sentences(segmenter, korean_corpus(tmp_path))
    ids = segmenter.segment_lines(korean()).ids
    is_text = segmenter.tokens.is_text
    expected = [[segmenter.tokens.pieces[i] for i in ids[row] if is_text[i]] for row in range(len(ids))]
    assert list(sentences.lines(10_000)) == [line for line in expected if line]


def test_long_lines_come_in_parts_and_lose_nothing() -> None:
    sentences = Sentences(("a", "b"), np.array([0, 1, 0, 1, 1], np.int32), np.array([0, 0, 5]), 5)
    assert list(sentences.lines(2)) == [["a", "b"], ["a", "b"], ["b"]]
    assert list(sentences.only(np.array([False, True])).lines(9)) == [["b", "b", "b"]]


def test_the_digest_tells_texts_lines_and_words_apart() -> None:
    ids, starts = np.array([0, 1, 0], np.int32), np.array([0, 2, 3])
    digests = [
        Sentences(words, np.array(changed, np.int32), np.array(cuts), size).digest()
        for words, changed, cuts, size in [
            (("a", "b"), ids, starts, 3),
            (("a", "c"), ids, starts, 3),
            (("a", "b"), ids[::-1], starts, 3),
            (("a", "b"), [0, 0, 1], starts, 3),
            (("a", "b"), ids, [0, 1, 3], 3),
        ]
    ]
    assert len(set(digests)) == 4  # ids[::-1] are the same ids
    assert Sentences(("a", "b"), ids, starts, 3).digest() == digests[0]


def test_an_empty_corpus_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    corpus = Corpus.open([tmp_path / "empty.txt"])
    for read in (word_sentences, lambda corpus: token_sentences(byte_level(), corpus)):
        with pytest.raises(CorpusError, match="corpus is empty"):
            read(corpus)
