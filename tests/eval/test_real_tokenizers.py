from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.eval.test_words import words_one_by_one
from vocabx.eval.fertility import measure_fertility
from vocabx.eval.words import single_token_words
from vocabx.tokenizer_tools.read import read_tokenizer


@pytest.mark.parametrize("name", ["smollm2", "gemma3", "mistral", "e5"])
@pytest.mark.parametrize("language", ["ko", "en-us"])
def test_words_of_real_tokenizers_are_counted_as_one_by_one(
    resources: Callable[[str], Path], name: str, language: str
) -> None:
    segmenter = read_tokenizer(resources(name))
    lines = (resources("help-texts") / f"help.{language}.txt").read_text().splitlines()[:2000]
    segmentation = segmenter.segment_lines(lines)
    assert single_token_words(segmentation, segmenter.tokens) == words_one_by_one(segmentation, segmenter.tokens)


def test_wordpiece_reads_english_word_by_word(resources: Callable[[str], Path]) -> None:
    lines = (resources("help-texts") / "help.en-us.txt").read_text().splitlines()[:2000]
    fertility = measure_fertility(read_tokenizer(resources("minilm")), [lines])
    assert fertility.normalized_words > fertility.words
    assert 0.9 < fertility.single_token_word_share < 1
    assert fertility.unknown_tokens == 0
