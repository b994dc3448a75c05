from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.aligners.solvers.vectors import problems
from vocabx.aligners.solvers import orthogonal_matching_pursuit
from vocabx.aligners.solvers.orthogonal_matching_pursuit import OrthogonalMatchingPursuit
from vocabx.core.arrays import Floats
from vocabx.core.errors import InputError


def pursue(query: Floats, keys: Floats, atoms: int, by_angle: bool) -> NDArray[np.float64]:
    """One query, one key after the other, with a fresh least-squares problem each time."""
    wide, target = keys.astype(np.float64), query.astype(np.float64)
    compared = wide / np.linalg.norm(wide, axis=1, keepdims=True) if by_angle else wide
    weights, picked, rest = np.zeros(len(keys)), list[int](), target
    while len(picked) < min(atoms, *keys.shape) and np.linalg.norm(rest) > 1e-6 * np.linalg.norm(target):
        scores = np.abs(compared @ rest)
        picked.append(int((scores >= scores.max() * orthogonal_matching_pursuit.ALMOST).argmax()))
        solution = np.linalg.lstsq(wide[picked].T, target, rcond=None)[0]
        rest = target - solution @ wide[picked]
        weights[picked] = solution
    return weights


def missed(weights: NDArray[np.float64], queries: Floats, keys: Floats) -> NDArray[np.float64]:
    """What is left of each query, relative to its length."""
    rest = queries - weights @ keys.astype(np.float64)
    return np.asarray(np.linalg.norm(rest, axis=1) / np.linalg.norm(queries, axis=1))


@given(st.integers(0, 9999), st.integers(1, 40), st.integers(2, 9), st.integers(1, 12), st.booleans())
def test_weights_are_those_of_one_pursuit_after_the_other(
    seed: int, count: int, dimensions: int, atoms: int, by_angle: bool
) -> None:
    rng = np.random.default_rng(seed)
    queries, keys = (rng.normal(size=(rows, dimensions)).astype(np.float32) for rows in (5, count))
    found = OrthogonalMatchingPursuit(atoms, by_angle=by_angle).weigh(queries, keys).toarray()
    expected = np.array([pursue(query, keys, atoms, by_angle) for query in queries])
    np.testing.assert_allclose(missed(found, queries, keys), missed(expected, queries, keys), atol=1e-5)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


@given(problems())
def test_what_is_left_never_grows_with_more_atoms_and_ends_at_least_squares(problem: tuple[Floats, Floats]) -> None:
    queries, keys = problem
    left = [
        missed(OrthogonalMatchingPursuit(atoms).weigh(queries, keys).toarray(), queries, keys) for atoms in range(1, 10)
    ]
    assert (np.diff(left, axis=0) <= 1e-5).all()
    best = np.linalg.lstsq(keys.T.astype(np.float64), queries.T.astype(np.float64), rcond=None)[0].T
    np.testing.assert_allclose(left[-1], missed(best, queries, keys), atol=2e-4)


def test_as_many_atoms_as_dimensions_leave_nothing() -> None:
    rng = np.random.default_rng(1)
    queries, keys = (rng.normal(size=(rows, 24)).astype(np.float32) for rows in (600, 100))
    assert missed(OrthogonalMatchingPursuit(64).weigh(queries, keys).toarray(), queries, keys).max() < 1e-5


def test_a_query_that_points_as_a_key_does_is_that_key_alone() -> None:
    keys = np.random.default_rng(2).normal(size=(50, 8)).astype(np.float32)
    weights = OrthogonalMatchingPursuit().weigh(-2 * keys, keys)
    assert weights.indices.tolist() == list(range(50))
    np.testing.assert_allclose(weights.data, -2, rtol=1e-6)


def test_of_equal_keys_the_first_is_taken_and_never_the_second() -> None:
    keys = np.repeat(np.random.default_rng(3).normal(size=(5, 9)), 3, axis=0).astype(np.float32)
    queries = np.random.default_rng(4).normal(size=(20, 9)).astype(np.float32)
    weights = OrthogonalMatchingPursuit().weigh(queries, keys)
    assert set(weights.indices.tolist()) == {0, 3, 6, 9, 12}
    assert (np.diff(weights.indptr) == 5).all()
    assert np.isfinite(weights.data).all()


def test_a_row_stops_at_its_tolerance_whatever_the_others_do() -> None:
    rng = np.random.default_rng(5)
    keys = rng.normal(size=(40, 16)).astype(np.float32)
    queries = np.concatenate([keys[:3], rng.normal(size=(5, 16)).astype(np.float32)])
    solver = OrthogonalMatchingPursuit(tolerance=0.2)
    weights = solver.weigh(queries, keys)
    counts = np.diff(weights.indptr)
    assert counts[:3].tolist() == [1, 1, 1]
    assert (missed(weights.toarray(), queries, keys) <= 0.2 + 1e-6).all()
    fewer = [
        OrthogonalMatchingPursuit(int(count) - 1).weigh(queries[[row]], keys)
        for row, count in enumerate(counts)
        if count > 1
    ]
    assert all(missed(one.toarray(), queries[[3 + row]], keys)[0] > 0.2 for row, one in enumerate(fewer))


def test_the_size_of_a_block_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(6)
    queries, keys = (rng.normal(size=(rows, 16)).astype(np.float32) for rows in (23, 60))
    whole = OrthogonalMatchingPursuit(6).weigh(queries, keys).toarray()
    monkeypatch.setattr(orthogonal_matching_pursuit, "ROWS_PER_BLOCK", 5)
    np.testing.assert_allclose(OrthogonalMatchingPursuit(6).weigh(queries, keys).toarray(), whole, rtol=1e-9)


def test_fields_are_checked() -> None:
    with pytest.raises(InputError, match=r"^The option atoms must be at least 1, not 0\.$"):
        OrthogonalMatchingPursuit(atoms=0)
    with pytest.raises(InputError, match="tolerance must be 0 or more"):
        OrthogonalMatchingPursuit(tolerance=-1)
