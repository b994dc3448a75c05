from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocabx.aligners.solvers import repeated_rows
from vocabx.aligners.solvers.repeated_rows import nearest_of_repeated
from vocabx.core.neighbours import find_neighbours, nearest_by_cosine


@pytest.mark.parametrize("entries", [1, 1 << 20])
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=8),
    st.lists(st.integers(0, 5), min_size=1, max_size=40),
    st.integers(1, 12),
)
def test_the_neighbours_are_those_of_the_search_of_all(
    entries: int, asked: list[int], stored: list[int], neighbours: int
) -> None:
    # Some of them are equal, and others point the same way without being equal.
    rows = np.array([[1, 0, 0], [2, 0, 0], [3, 4, 0], [0, 0, 5], [-1, 2, 2], [1, 2, 2]], np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeated_rows, "ENTRIES_PER_BLOCK", entries)
        found = nearest_of_repeated(rows[asked], rows[stored], neighbours)
        ids, cosines = found.ids, found.cosines
    expected_ids, expected_cosines = nearest_by_cosine(rows[asked], rows[stored], neighbours)
    np.testing.assert_array_equal(ids, expected_ids)
    np.testing.assert_allclose(cosines, expected_cosines, atol=1e-6)


def test_each_distinct_row_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[tuple[int, int]] = []

    def watched(queries: object, keys: object, *rest: object) -> object:
        sizes.append((len(queries), len(keys)))  # type: ignore[arg-type]
        return find_neighbours(queries, keys, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(repeated_rows, "find_neighbours", watched)
    rows = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32)
    ids = nearest_of_repeated(np.tile(rows, (3, 1)), np.tile(rows, (5, 1)), 7).ids
    assert sizes == [(10, 10)]
    assert ids[:, :5].tolist() == [list(range(row % 10, 50, 10)) for row in range(30)]


def test_without_queries_nothing_is_found() -> None:
    keys = np.eye(3, dtype=np.float32)[[0, 0, 1]]
    assert nearest_of_repeated(keys[:0], keys, 2).ids.shape == (0, 2)
