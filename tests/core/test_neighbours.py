from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocabx.core.arrays import Floats, Matrix
from vocabx.core.errors import UnknownNameError
from vocabx.core.neighbours import find_neighbours, nearest_by_cosine


def cosines_of_all(queries: Floats, keys: Floats) -> Floats:
    scale = np.outer(np.linalg.norm(queries, axis=1), np.linalg.norm(keys, axis=1))
    return np.asarray(np.divide(queries @ keys.T, scale, out=np.zeros_like(scale), where=scale > 0))


@given(
    seed=st.integers(0, 999),
    queries=st.integers(0, 5),
    keys=st.integers(1, 1500),
    dimensions=st.integers(1, 40),
    neighbours=st.integers(1, 7),
)
def test_neighbours_are_the_dense_ones(seed: int, queries: int, keys: int, dimensions: int, neighbours: int) -> None:
    rng = np.random.default_rng(seed)
    asked = rng.normal(size=(queries, dimensions)).astype(np.float32)
    stored = rng.normal(size=(keys, dimensions)).astype(np.float32)
    ids, cosines = nearest_by_cosine(asked, stored, neighbours)
    expected = cosines_of_all(asked, stored)
    assert ids.shape == cosines.shape == (queries, min(neighbours, keys))
    assert ids.dtype == np.int64
    np.testing.assert_allclose(cosines, -np.sort(-expected, axis=1)[:, : ids.shape[1]], atol=1e-5)
    np.testing.assert_allclose(cosines, np.take_along_axis(expected, ids, axis=1), atol=1e-5)
    assert all(len(set(row)) == len(row) for row in ids.tolist())


def test_length_does_not_matter_and_a_zero_row_is_at_right_angles() -> None:
    keys = np.array([[0, 0], [-1, 0], [1, 1], [50, 0]], np.float32)
    ids, cosines = nearest_by_cosine(np.array([[0.1, 0]], np.float32), keys, 4)
    assert ids.tolist() == [[3, 2, 0, 1]]
    np.testing.assert_allclose(cosines, [[1, 0.5**0.5, 0, -1]], atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float64])
def test_keys_may_be_stored_in_any_float_type(dtype: type) -> None:
    keys: Matrix = np.array([[1, 0], [0, 1]]).astype(dtype)
    assert nearest_by_cosine(np.array([[0.2, 1]], np.float32), keys, 1)[0].tolist() == [[1]]


def test_the_arguments_are_left_alone() -> None:
    queries, keys = np.array([[3.0, 4.0]], np.float32), np.array([[6.0, 8.0]], np.float32)
    nearest_by_cosine(queries, keys, 1)
    assert (queries.tolist(), keys.tolist()) == ([[3, 4]], [[6, 8]])


def crowded(rows: int, dimensions: int, seed: int = 0) -> Floats:
    """Rows around a few centres, as those of a model are."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(80, dimensions))
    return np.asarray(centres[rng.integers(0, 80, rows)] + 0.4 * rng.normal(size=(rows, dimensions)), np.float32)


@pytest.mark.parametrize("keys", [13, 777, 5001])
def test_of_equal_keys_the_lowest_come_first_wherever_they_lie(keys: int) -> None:
    rng = np.random.default_rng(0)
    different = rng.normal(size=(9, 37)).astype(np.float32)
    which = rng.integers(0, 9, keys)
    queries = rng.normal(size=(30, 37)).astype(np.float32)
    ids, _ = nearest_by_cosine(queries, different[which], 11)
    order = np.argsort(-cosines_of_all(queries, different), axis=1)
    for found, nearest in zip(ids.tolist(), order, strict=True):
        expected = [key for one in nearest for key in np.flatnonzero(which == one).tolist()]
        assert found == expected[:11]


def test_a_zero_query_gets_the_first_keys() -> None:
    ids, cosines = nearest_by_cosine(np.zeros((2, 3), np.float32), np.ones((3000, 3), np.float32), 2)
    assert ids.tolist() == [[0, 1], [0, 1]]
    assert not cosines.any()


@pytest.mark.parametrize("index", ["ivf", "hnsw"])
@pytest.mark.parametrize("dimensions", [24, 33])
def test_an_approximate_search_finds_what_it_says(index: str, dimensions: int) -> None:
    keys = crowded(6000, dimensions)
    found, exact = (find_neighbours(keys[:1000] * 3, keys, 10, kind) for kind in (index, "exact"))
    assert (found.index, exact.index, exact.recall) == (index, "exact", 1.0)
    assert 0.98 <= found.recall <= 1
    recall = (found.cosines >= exact.cosines[:, -1:] - 1e-5).mean()
    assert abs(recall - found.recall) < 0.01
    assert (np.diff(found.cosines, axis=1) <= 0).all()
    expected = np.take_along_axis(cosines_of_all(keys[:1000], keys), found.ids, axis=1)
    np.testing.assert_allclose(found.cosines, expected, atol=1e-5)
    assert all(len(set(row)) == 10 for row in found.ids.tolist())


@pytest.mark.parametrize("index", ["ivf", "hnsw"])
def test_an_approximate_search_finds_the_same_each_time(index: str) -> None:
    keys = crowded(4500, 16)
    first, second = (find_neighbours(keys[:500], keys, 10, index) for _ in range(2))
    assert first.index == index
    assert (first.ids == second.ids).all()
    assert (first.cosines == second.cosines).all()


def test_what_an_approximate_search_cannot_find_is_searched_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vocabx.core.neighbours.LEAST_RECALL", 1.1)
    keys = crowded(4500, 16)
    found = find_neighbours(keys[:100], keys, 10, "ivf")
    assert (found.index, found.recall) == ("exact", 1.0)
    assert (found.ids == nearest_by_cosine(keys[:100], keys, 10)[0]).all()


def test_as_many_are_found_as_are_asked_for_wherever_it_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vocabx.core.neighbours.LEAST_RECALL", 0)
    keys = crowded(4500, 16)
    found = find_neighbours(keys[:20], keys, 1000, "ivf")
    assert found.index == "ivf"
    assert (found.ids >= 0).all()
    assert all(len(set(row)) == 1000 for row in found.ids.tolist())


@pytest.mark.parametrize(("cosines", "used"), [(450_001, "exact"), (450_000, "ivf")])
def test_auto_is_exact_until_there_is_too_much_to_compare(
    monkeypatch: pytest.MonkeyPatch, cosines: int, used: str
) -> None:
    monkeypatch.setattr("vocabx.core.neighbours.FEWEST_COSINES", cosines)
    keys = crowded(4500, 16)
    assert find_neighbours(keys[:100], keys, 10, "auto").index == used


def test_few_keys_are_always_searched_exactly() -> None:
    keys = crowded(4000, 16)
    assert find_neighbours(keys[:10], keys, 10, "hnsw").index == "exact"


@pytest.mark.parametrize("index", ["exact", "ivf", "auto"])
def test_a_gpu_compares_all_keys(monkeypatch: pytest.MonkeyPatch, index: str) -> None:
    moved = []

    def move(index: object) -> object:
        moved.append(index)
        return index

    monkeypatch.setattr("faiss.get_num_gpus", lambda: 1, raising=False)
    monkeypatch.setattr("faiss.index_cpu_to_all_gpus", move, raising=False)
    keys = crowded(4500, 16)
    found = find_neighbours(keys[:50], keys, 10, index)
    assert len(moved) == 1
    assert found.index == "exact"
    monkeypatch.setattr("faiss.get_num_gpus", lambda: 0, raising=False)
    np.testing.assert_allclose(found.cosines, nearest_by_cosine(keys[:50], keys, 10)[1], atol=1e-6)


def test_a_build_of_faiss_that_knows_no_gpus_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("faiss.get_num_gpus", raising=False)
    assert nearest_by_cosine(np.ones((1, 2), np.float32), np.ones((3, 2), np.float32), 1)[0].tolist() == [[0]]


def test_an_unknown_index_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"index of neighbours called 'hnws'\. Did you mean 'hnsw'"):
        nearest_by_cosine(np.ones((1, 2), np.float32), np.ones((3, 2), np.float32), 1, "hnws")
