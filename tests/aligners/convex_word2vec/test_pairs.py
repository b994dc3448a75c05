from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vocabx.aligners.convex_word2vec import pairs as module
from vocabx.aligners.convex_word2vec.pairs import Pairs, count_pairs, keep_chances
from vocabx.core.arrays import Ragged

lines_of_types = st.lists(st.lists(st.integers(-1, 5), max_size=9), max_size=5)


@given(lines_of_types, st.integers(1, 4), st.integers(1, 7))
def test_pairs_are_those_of_a_window_that_slides_over_each_line(
    lines: list[list[int]], window: int, block: int
) -> None:
    expected = Counter(
        (line[i], line[j])
        for line in lines
        for i in range(len(line))
        for j in range(max(0, i - window), min(len(line), i + window + 1))
        if i != j and min(line[i], line[j]) >= 0
    )
    whole = module.TOKENS_PER_BLOCK
    module.TOKENS_PER_BLOCK = block
    try:
        counts = count_pairs(Ragged.from_rows(lines), 6, window).toarray()
    finally:
        module.TOKENS_PER_BLOCK = whole
    assert {(i, j): n for (i, j), n in np.ndenumerate(counts) if n} == expected


def test_only_pairs_with_a_new_token_are_kept_but_a_centre_pays_for_all_its_pairs() -> None:
    counts = count_pairs(Ragged.from_rows([[0, 1, 2], [1, 2]]), 3, 1)
    pairs = Pairs.of_counts(counts, np.array([1.0, 1.0, 0.5]), 1)
    found = set(zip(pairs.centres.tolist(), pairs.contexts.tolist(), pairs.weights.tolist(), strict=True))
    assert found == {(0, 1, 1.0), (1, 0, 1.0)}
    assert pairs.centre_weights.tolist() == [1, 3, 1]


def test_frequent_centres_count_less_and_rare_ones_in_full() -> None:
    np.testing.assert_allclose(
        keep_chances(np.array([900, 99, 1]), 0.01), [np.sqrt(0.01 / 0.9), np.sqrt(0.01 / 0.099), 1]
    )
