from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vocabx.aligners.spaces.csls import crowding, mutual_neighbours, nearest_by_csls


def sides(left: int, right: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    generator = np.random.default_rng(seed)
    return tuple(generator.normal(size=(rows, 7)).astype(np.float32) + 0.3 for rows in (left, right))  # type: ignore[return-value]


def dense_cosines(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float64]:
    units = [rows / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True) for rows in (left, right)]
    return np.asarray(units[0] @ units[1].T)


@pytest.mark.parametrize("seed", range(4))
def test_neighbours_and_crowding_are_those_of_a_dense_computation(seed: int) -> None:
    left, right = sides(60, 45, seed)
    cosines = dense_cosines(left, right)
    crowded = -np.sort(-cosines.T, axis=1)[:, :10].mean(axis=1)
    np.testing.assert_allclose(crowding(right, left), crowded, atol=1e-5)
    scores = 2 * cosines - crowded
    ids, found = nearest_by_csls(left, right, crowding(right, left), 5)
    np.testing.assert_array_equal(ids, np.argsort(-scores, axis=1)[:, :5])
    np.testing.assert_allclose(found, -np.sort(-scores, axis=1)[:, :5], atol=1e-5)


@pytest.mark.parametrize("size", [(200, 150), (9, 30), (1, 1)])
def test_mutual_neighbours_are_those_of_a_dense_computation(size: tuple[int, int]) -> None:
    left, right = sides(*size)
    cosines = dense_cosines(left, right)
    by_row, by_column = (-np.sort(-matrix, axis=1)[:, :10].mean(axis=1) for matrix in (cosines, cosines.T))
    scores = 2 * cosines - by_row[:, None] - by_column
    forth, back = scores.argmax(axis=1), scores.argmax(axis=0)
    expected = [(row, column) for row, column in enumerate(forth.tolist()) if back[column] == row]
    found = mutual_neighbours(left, right)
    assert list(zip(*map(np.ndarray.tolist, found), strict=True)) == expected
    assert expected


def test_a_key_that_is_near_to_everything_is_passed_over() -> None:
    hub = np.array([[1, 1, 1]], np.float32)
    queries = np.array([[1, 0.6, 0.6], [0.6, 1, 0.6], [0.6, 0.6, 1]], np.float32)
    own = np.array([[1, 0.2, 0.2], [0.2, 1, 0.2], [0.2, 0.2, 1]], np.float32)
    keys = np.concatenate([hub, own])
    assert (dense_cosines(queries, keys).argmax(axis=1) == 0).all()
    ids, _ = nearest_by_csls(queries, keys, crowding(keys, queries), 1)
    assert ids[:, 0].tolist() == [1, 2, 3]


def test_no_vectors_have_no_neighbours() -> None:
    left, right = sides(0, 3)
    assert [len(rows) for rows in mutual_neighbours(left, right)] == [0, 0]
