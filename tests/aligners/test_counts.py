from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from vocabx.aligners.counts import keep_heaviest, normalise_rows, ranks

rows_of_numbers = st.integers(1, 6).flatmap(
    lambda width: st.lists(st.lists(st.integers(0, 5), min_size=width, max_size=width), min_size=1, max_size=5)
)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4))))
def test_a_rank_counts_what_is_larger_or_as_large_and_earlier(pairs: list[tuple[int, int]]) -> None:
    pairs.sort(key=lambda pair: pair[0])
    found = ranks(np.array([group for group, _ in pairs], np.int64), np.array([value for _, value in pairs], np.int64))
    expected = [
        sum(g == group and (v > value or (v == value and j < i)) for j, (g, v) in enumerate(pairs))
        for i, (group, value) in enumerate(pairs)
    ]
    assert found.tolist() == expected


@given(rows_of_numbers, st.integers(0, 4))
def test_the_heaviest_of_each_row_are_kept_and_of_equal_ones_the_first(rows: list[list[int]], keep: int) -> None:
    kept = keep_heaviest(csr_array(np.array(rows, np.float64)), keep).toarray()
    for row, found in zip(rows, kept.tolist(), strict=True):
        order = sorted(range(len(row)), key=lambda i: (-row[i], i))[: keep or None]
        assert found == [value if i in order else 0 for i, value in enumerate(row)]


@given(rows_of_numbers)
def test_rows_sum_to_one_or_are_empty(rows: list[list[int]]) -> None:
    weights = csr_array(np.array(rows, np.float64))
    weights.eliminate_zeros()
    expected = [[value / sum(row) if sum(row) else 0.0 for value in row] for row in rows]
    np.testing.assert_allclose(normalise_rows(weights).toarray(), expected)


def test_what_is_given_is_left_as_it_is() -> None:
    weights = csr_array(np.array([[1.0, 3.0]]))
    keep_heaviest(weights, 1)
    normalise_rows(weights)
    assert weights.toarray().tolist() == [[1, 3]]
