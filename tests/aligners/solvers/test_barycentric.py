from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import nnls

from tests.aligners.solvers.vectors import check_convex, cosines_of_all, directions, problems
from vocabx.aligners.solvers.barycentric import Barycentric
from vocabx.core.arrays import Floats
from vocabx.core.errors import InputError


def stacked_offsets(
    query: NDArray[np.float64], near: NDArray[np.float64], regularization: float
) -> NDArray[np.float64]:
    """Columns whose weighted sum is to be short: differences to the query, and the regularization below them."""
    offsets = (near - query).T
    ridge = np.sqrt(max(regularization, 1e-10) * max((offsets**2).sum() / len(near), 1e-10))
    return np.concatenate([offsets, ridge * np.eye(len(near))])


def shortest_on_simplex(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """The shortest convex combination is the non-negative least squares towards (0, ..., 0, 1), scaled."""
    scale = np.linalg.norm(columns)
    rows = np.concatenate([columns / scale, np.ones((1, columns.shape[1]))])
    weights, _ = nnls(rows, np.eye(len(rows))[-1])
    return np.asarray(weights / weights.sum())


def nearest(queries: Floats, keys: Floats, count: int) -> list[NDArray[np.int64]]:
    return [np.argsort(-row, kind="stable")[:count] for row in cosines_of_all(queries, keys)]


@given(st.integers(0, 9999), st.integers(1, 40), st.integers(1, 12), st.sampled_from([1e-3, 0.1]))
def test_weights_are_those_of_non_negative_least_squares(
    seed: int, keys_count: int, neighbours: int, regularization: float
) -> None:
    rng = np.random.default_rng(seed)
    dimensions = int(rng.integers(2, 9))
    queries, keys = (rng.normal(size=(rows, dimensions)).astype(np.float32) for rows in (5, keys_count))
    weights = Barycentric(neighbours, regularization).weigh(queries, keys)
    check_convex(weights)
    for row, query, ids in zip(weights.toarray(), directions(queries), nearest(queries, keys, neighbours), strict=True):
        expected = shortest_on_simplex(stacked_offsets(query, directions(keys)[ids], regularization))
        np.testing.assert_allclose(row[ids], expected, atol=1e-4)


@given(problems(), st.integers(1, 70), st.sampled_from([0.0, 1e-3]))
def test_no_other_convex_weights_come_nearer(problem: tuple[Floats, Floats], neighbours: int, regular: float) -> None:
    queries, keys = problem
    weights = Barycentric(neighbours, regular).weigh(queries, keys)
    check_convex(weights)
    # Equal cosines may be cut elsewhere than here, so the neighbours are compared where all keys are.
    for row, query in zip(weights.toarray(), directions(queries), strict=True):
        if neighbours >= len(keys):
            columns = stacked_offsets(query, directions(keys), regular)
            gradient = columns.T @ (columns @ row)
            assert gradient.min() >= row @ gradient - 1e-6


@given(st.integers(0, 9999), st.integers(1, 12))
def test_affine_weights_solve_the_equations_of_least_squares(seed: int, neighbours: int) -> None:
    rng = np.random.default_rng(seed)
    queries, keys = (rng.normal(size=(rows, 6)).astype(np.float32) for rows in (5, 30))
    weights = Barycentric(neighbours, non_negative=False).weigh(queries, keys)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-9)
    for row, query, ids in zip(weights.toarray(), directions(queries), nearest(queries, keys, neighbours), strict=True):
        columns = stacked_offsets(query, directions(keys)[ids], 1e-3)
        # Minimise over w = first key + free differences, without a constraint.
        free = columns[:, 1:] - columns[:, :1]
        solution = np.linalg.lstsq(free, -columns[:, 0], rcond=None)[0]
        np.testing.assert_allclose(row[ids], [1 - solution.sum(), *solution], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("non_negative", [True, False])
def test_a_query_between_two_keys_is_made_of_both(non_negative: bool) -> None:
    keys = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 9]], np.float32)
    weights = Barycentric(regularization=0, non_negative=non_negative).weigh(np.array([[3, 3, 0]], np.float32), keys)
    np.testing.assert_allclose(weights.toarray()[0, :2].sum(), 1, atol=0.3)
    np.testing.assert_allclose(weights.toarray()[0, 0], weights.toarray()[0, 1])


@pytest.mark.parametrize("non_negative", [True, False])
def test_a_query_that_points_as_a_key_does_is_that_key(non_negative: bool) -> None:
    keys = np.random.default_rng(0).normal(size=(40, 12)).astype(np.float32)
    weights = Barycentric(regularization=0, non_negative=non_negative).weigh(3 * keys, keys)
    np.testing.assert_allclose(weights.toarray(), np.eye(40), atol=1e-4)


def test_equal_keys_share_the_weight() -> None:
    keys = np.ones((4, 3), np.float32)
    np.testing.assert_allclose(Barycentric().weigh(keys[:1], keys).toarray(), np.full((1, 4), 0.25))


def test_fields_are_checked() -> None:
    with pytest.raises(InputError, match="neighbours must be at least 1"):
        Barycentric(neighbours=0)
    with pytest.raises(InputError, match="regularization must be 0 or more"):
        Barycentric(regularization=-1)
