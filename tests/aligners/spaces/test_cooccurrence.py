from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.aligners.spaces.transfers import korean_corpus, to_korean
from tests.tokenizer_tools.toys import TOYS, byte_level, english, of_merges
from vocabx.aligners.spaces.cooccurrence import Cooccurrence
from vocabx.core.corpus import Corpus
from vocabx.core.errors import InputError

SMALL = Cooccurrence(dimensions=10, epochs=2)


@pytest.mark.parametrize("family", TOYS)
def test_each_side_knows_the_tokens_that_are_frequent_in_its_own_segmentation(family: str, tmp_path: Path) -> None:
    transfer = to_korean(byte_level(), TOYS[family](), corpus=korean_corpus(tmp_path))
    made = SMALL.vectors(transfer)
    assert transfer.materials.corpus is not None
    lines = list(transfer.materials.corpus.lines())
    for segmenter, ids, rows in (
        (transfer.source, np.arange(len(transfer.source.tokens)), made.source),
        (transfer.target, transfer.new_ids, made.new),
    ):
        counts = np.bincount(segmenter.segment_lines(lines).ids.values, minlength=len(segmenter.tokens))
        np.testing.assert_array_equal(rows.any(axis=1), ((counts >= 10) & segmenter.tokens.is_text)[ids])


def test_the_same_tokenizer_on_both_sides_lies_on_itself(tmp_path: Path) -> None:
    transfer = to_korean(byte_level(), byte_level(), corpus=korean_corpus(tmp_path))
    everything = transfer.with_new_ids(np.arange(len(transfer.target.tokens)))
    made = SMALL.vectors(everything)
    np.testing.assert_allclose(made.source, made.new, atol=1e-4)


def test_text_in_the_source_language_trains_the_source_side(tmp_path: Path) -> None:
    (tmp_path / "english.txt").write_text("\n".join(english()), encoding="utf-8")
    told: list[str] = []
    transfer = to_korean(corpus=korean_corpus(tmp_path), source_corpus=Corpus.open([tmp_path / "english.txt"]))
    both = SMALL.vectors(replace(transfer, say=told.append))
    alone = SMALL.vectors(to_korean(corpus=korean_corpus(tmp_path)))
    assert both.source.any(axis=1).sum() > alone.source.any(axis=1).sum()
    np.testing.assert_array_equal(both.new, alone.new)
    assert "tokens that both tokenizers have align the vectors" in told[-1]


def test_what_is_missing_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--corpus"):
        SMALL.vectors(to_korean())
    (tmp_path / "abc.txt").write_text("abc\n" * 20, encoding="utf-8")
    apart = to_korean(
        of_merges(("a", "b"), ("ab", "c")), of_merges(("b", "c"), ("a", "bc")), corpus=korean_corpus(tmp_path)
    )
    assert SMALL.vectors(apart).source.any()
    with pytest.raises(InputError, match="too small to train vectors on"):
        SMALL.vectors(replace(apart, materials=replace(apart.materials, corpus=Corpus.open([tmp_path / "abc.txt"]))))
