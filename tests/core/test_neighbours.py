from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocabx.core.arrays import Floats, Matrix
from vocabx.core.neighbours import nearest_by_cosine


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
