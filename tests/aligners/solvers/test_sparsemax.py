from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.aligners.solvers.vectors import check_convex, cosines_of_all, problems
from vocabx.aligners.solvers import sparsemax
from vocabx.aligners.solvers.sparsemax import Sparsemax
from vocabx.core import cosines
from vocabx.core.arrays import Floats
from vocabx.core.errors import InputError


def dense_sparsemax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find the threshold by bisection: the weights' sum falls as it rises."""
    low, high = scores.max() - 1, scores.max()
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(scores - middle, 0).sum() > 1 else (low, middle)
    return np.asarray(np.maximum(scores - low, 0))


@given(problems(), st.sampled_from([0.02, 0.3, 1.0, 50.0]), st.sampled_from([1, 4, 64]))
def test_weights_are_the_dense_sparsemax(problem: tuple[Floats, Floats], temperature: float, first: int) -> None:
    queries, keys = problem
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparsemax, "FIRST_ENTRIES", first)  # so that small rows double, too
        weights = Sparsemax(temperature).weigh(queries, keys)
    check_convex(weights)
    expected = [dense_sparsemax(row / temperature) for row in cosines_of_all(queries, keys)]
    assert weights.shape == (len(queries), len(keys))
    for row, dense in zip(weights.toarray(), expected, strict=True):
        np.testing.assert_allclose(row, dense, atol=2e-6 / min(1, temperature))


def test_a_support_of_thousands_is_found_in_many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cosines, "LEAST_ROWS_PER_BLOCK", 7)
    monkeypatch.setattr(cosines, "ENTRIES_PER_BLOCK", 1)
    rng = np.random.default_rng(0)
    keys = (rng.normal(size=(3000, 20)) * rng.choice([0.02, 1], size=(3000, 1)) + 1).astype(np.float32)
    weights = Sparsemax().weigh(keys[::100], keys)
    check_convex(weights)
    assert np.diff(weights.indptr).max() > 1000
    expected = [dense_sparsemax(row) for row in cosines_of_all(keys[::100], keys)]
    np.testing.assert_allclose(weights.toarray(), expected, atol=1e-6)


@given(problems(), st.integers(1, 8))
def test_a_limited_support_is_the_sparsemax_of_the_nearest_keys(problem: tuple[Floats, Floats], most: int) -> None:
    queries, keys = problem
    weights = Sparsemax(5.0, maximum_support=most).weigh(queries, keys)
    check_convex(weights)
    assert (np.diff(weights.indptr) <= most).all()
    for row, scores in zip(weights.toarray(), cosines_of_all(queries, keys), strict=True):
        expected = dense_sparsemax(np.sort(scores / 5)[::-1][:most])
        np.testing.assert_allclose(np.sort(row)[::-1][: len(expected)], expected, atol=2e-6)


def test_of_equally_near_keys_the_first_are_taken_when_support_is_limited() -> None:
    keys = np.tile(np.array([[0, 1], [1, 0]], np.float32), (700, 1))
    weights = Sparsemax(maximum_support=3).weigh(np.array([[5, 0]], np.float32), keys)
    assert weights.indices.tolist() == [1, 3, 5]


def test_fields_are_checked() -> None:
    with pytest.raises(InputError, match=r"^The option temperature must be positive, not -1"):
        Sparsemax(temperature=-1)
    with pytest.raises(InputError, match="maximum_support must be 0 or more"):
        Sparsemax(maximum_support=-1)
