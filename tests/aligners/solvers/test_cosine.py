from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.aligners.solvers.vectors import check_convex, cosines_of_all, problems
from vocabx.aligners.solvers.cosine import CosineLinear
from vocabx.core.arrays import Floats
from vocabx.core.errors import InputError


@given(problems())
def test_weights_are_proportional_to_the_positive_cosines(problem: tuple[Floats, Floats]) -> None:
    queries, keys = problem
    weights = CosineLinear(keep=0).weigh(queries, keys)
    assert weights.shape == (len(queries), len(keys))
    check_convex(weights[np.flatnonzero(np.diff(weights.indptr))])
    for row, cosines in zip(weights.toarray(), cosines_of_all(queries, keys), strict=True):
        positive = np.maximum(cosines, 0)
        if positive.sum() > 1e-3:
            np.testing.assert_allclose(row, positive / positive.sum(), atol=1e-4)


@given(problems(), st.integers(1, 9))
def test_the_keys_kept_are_the_nearest_and_the_mass_they_had_is_told(problem: tuple[Floats, Floats], keep: int) -> None:
    queries, keys = problem
    solver = CosineLinear(keep=keep)
    said = list[str]()
    weights, masses = solver.weigh(queries, keys, said.append), solver.mass_kept(queries, keys)
    told = (
        [f"of the weight of all cosines, {masses.mean():.1%} is on the {solver.keep} that are kept"]
        if len(masses)
        else []
    )
    assert said == (told if solver.keep < len(keys) else [])
    for row, cosines, mass in zip(weights.toarray(), cosines_of_all(queries, keys), masses, strict=True):
        positive = np.sort(np.maximum(cosines, 0))[::-1]
        if positive.sum() > 1e-3:
            nearest = positive[:keep]
            np.testing.assert_allclose(np.sort(row)[::-1][:keep], nearest / nearest.sum(), atol=1e-4)
            np.testing.assert_allclose(mass, nearest.sum() / positive.sum(), atol=1e-4)


def test_a_query_without_a_positive_cosine_has_no_weights() -> None:
    keys = np.array([[1, 0, 0], [2, 1, 0]], np.float32)
    queries = np.array([[-1, 0, 0], [0, 0, 1], [1, 0, 0]], np.float32)
    solver = CosineLinear()
    assert np.diff(solver.weigh(queries, keys).indptr).tolist() == [0, 0, 2]
    assert solver.mass_kept(queries, keys).tolist() == [1, 1, 1]


def test_unclipped_weights_are_the_published_ones() -> None:
    rng = np.random.default_rng(0)
    queries, keys = (rng.normal(size=(rows, 5)).astype(np.float32) + 1 for rows in (9, 40))
    weights = CosineLinear(clip=False, keep=0).weigh(queries, keys).toarray()
    cosines = cosines_of_all(queries, keys)
    assert (weights < 0).any()
    np.testing.assert_allclose(weights, cosines / cosines.sum(axis=1, keepdims=True), rtol=1e-3, atol=1e-6)


def test_unclipped_cosines_that_sum_to_nothing_are_refused_in_one_sentence() -> None:
    keys = np.array([[1, 0], [-1, 0], [0, 1]], np.float32)
    queries = np.array([[0, 1], [1, 0], [1, 1]], np.float32)
    with pytest.raises(InputError, match=r"1 tokens, the first of them number 1, .* leave clip on"):
        CosineLinear(clip=False, keep=0).weigh(queries, keys)
    assert CosineLinear(clip=False, keep=0).weigh(queries[::2], keys).shape == (2, 3)


def test_negative_weights_go_with_all_keys_only() -> None:
    with pytest.raises(InputError, match="with clip=no set --method-option keep=0"):
        CosineLinear(clip=False)
    with pytest.raises(InputError, match="keep must be 0 or more"):
        CosineLinear(keep=-1)
