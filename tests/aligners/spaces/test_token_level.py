from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.aligners.spaces.transfers import korean_corpus, to_korean, vector_of
from tests.tokenizer_tools.toys import TOYS, byte_level, korean
from vocabx.aligners.spaces.token_level import TokenLevel
from vocabx.core.errors import InputError

SMALL = TokenLevel(dimensions=10, epochs=2, longest_ngram=4)


@pytest.mark.parametrize("family", TOYS)
def test_frequent_tokens_have_vectors_and_shared_ones_lend_theirs(family: str, tmp_path: Path) -> None:
    target = TOYS[family]()
    transfer = to_korean(byte_level(), target, corpus=korean_corpus(tmp_path))
    made = SMALL.vectors(transfer)
    counts = np.bincount(target.segment_lines(korean()).ids.values, minlength=len(target.tokens))
    frequent = (counts >= 10) & target.tokens.is_text
    np.testing.assert_array_equal(made.new.any(axis=1), frequent[transfer.new_ids])
    lent = np.unique(transfer.shared[frequent & (transfer.shared >= 0)])
    np.testing.assert_array_equal(np.flatnonzero(made.source.any(axis=1)), lent)
    assert made.source.shape == (len(transfer.source.tokens), 10)
    assert made.source.dtype == np.float32


def test_the_vectors_are_the_same_each_time_and_from_the_cache(tmp_path: Path) -> None:
    corpus = korean_corpus(tmp_path)
    first = SMALL.vectors(to_korean(corpus=corpus))
    for _ in range(2):
        again = SMALL.vectors(to_korean(corpus=corpus, cache=tmp_path / "cache"))
        assert again.source.tobytes() == first.source.tobytes()
        assert again.new.tobytes() == first.new.tobytes()
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_pieces_of_characters_are_shared_by_their_bytes(tmp_path: Path) -> None:
    source = target = byte_level()
    transfer = to_korean(source, target, corpus=korean_corpus(tmp_path))
    made = SMALL.vectors(transfer)
    partial = np.flatnonzero(~source.tokens.is_complete & source.tokens.is_text & made.source.any(axis=1))
    assert len(partial)
    assert vector_of(made.source, source, ",").any()


def test_what_is_missing_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"trained on text in the new language\. Give it with --corpus\."):
        SMALL.vectors(to_korean())
    with pytest.raises(InputError, match="too small to train vectors on"):
        TokenLevel(minimum_count=10**6).vectors(to_korean(corpus=korean_corpus(tmp_path)))
    with pytest.raises(InputError, match=r"^The option workers must be at least 1, not 0\.$"):
        TokenLevel(workers=0)
