from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.aligners.spaces.test_procrustes import drawn, turn
from vocabx.aligners.spaces.procrustes import Procrustes
from vocabx.aligners.spaces.translation import Translation, measure_translation, split_pairs
from vocabx.aligners.spaces.word_vectors import WordVectors

WORDS = tuple(f"word{number}" for number in range(300))
PAIRS = tuple((word, word.replace("word", "wort")) for word in WORDS)


def languages(noise: float) -> tuple[WordVectors, WordVectors]:
    rows = drawn(300, 12)
    target = rows @ turn(12) + noise * drawn(300, 12, 1)
    return WordVectors(WORDS, rows), WordVectors(tuple(right for _, right in PAIRS), target)


def measured(noise: float, seed: int = 0) -> Translation:
    found = measure_translation(Procrustes(), *languages(noise), PAIRS, np.random.default_rng(seed))
    assert found is not None
    return found


def test_words_that_a_turn_separates_are_all_translated() -> None:
    assert measured(0.0) == Translation(60, 300, 1.0, 1.0, 1.0, 1.0)
    assert str(measured(0.0)).startswith("of 60 held-out words 100.0% have their translation nearest")


def test_the_shares_are_those_of_a_dense_computation() -> None:
    source, target = languages(1.2)
    kept, held_out = split_pairs(PAIRS, np.random.default_rng(3))
    own = [source.row_of[word] for word, _ in kept]
    rotation = Procrustes().fit(source, target, (np.array(own), np.array(own)))
    queries = sorted(source.row_of[word] for word, _ in held_out)
    units = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (source.rows @ rotation, target.rows)]
    cosines = units[0] @ units[1].T
    crowded = -np.sort(-cosines.T, axis=1)[:, :10].mean(axis=1)
    shares = []
    for scores in (cosines, 2 * cosines - crowded):
        ranks = [int((scores[row] > scores[row, row]).sum()) for row in queries]
        shares += [np.mean([rank < nearest for rank in ranks]) for nearest in (1, 5)]
    found = measured(1.2, seed=3)
    assert (found.first, found.five, found.first_csls, found.five_csls) == pytest.approx(tuple(shares))
    assert 0.1 < found.first < found.five < 1


def test_vectors_that_have_nothing_in_common_translate_nothing() -> None:
    assert measured(1000.0).five < 0.1


def test_too_few_pairs_give_no_number() -> None:
    assert measure_translation(Procrustes(), *languages(0.0), PAIRS[:3], np.random.default_rng(0)) is None


@given(st.lists(st.tuples(st.sampled_from(["Sun", "sun", "moon", "Moon", "a", "b"]), st.text(max_size=2))))
def test_no_held_out_word_is_seen_in_any_case(pairs: list[tuple[str, str]]) -> None:
    kept, held_out = split_pairs(pairs, np.random.default_rng(0))
    assert sorted(kept + held_out) == sorted(pairs)
    assert not {word.lower() for word, _ in kept} & {word.lower() for word, _ in held_out}
