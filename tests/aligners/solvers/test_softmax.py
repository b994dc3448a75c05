from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.aligners.solvers.vectors import check_convex, cosines_of_all, problems
from vocabx.aligners.solvers.softmax import SoftmaxNeighbours
from vocabx.core.arrays import Floats
from vocabx.core.errors import InputError, UnknownNameError


@given(problems(), st.integers(1, 12), st.sampled_from([0.05, 0.1, 1.0]))
def test_weights_are_the_softmax_of_the_nearest(
    problem: tuple[Floats, Floats], neighbours: int, temperature: float
) -> None:
    queries, keys = problem
    weights = SoftmaxNeighbours(neighbours, temperature).weigh(queries, keys)
    check_convex(weights)
    assert weights.shape == (len(queries), len(keys))
    dense = weights.toarray()
    for row, cosines in enumerate(cosines_of_all(queries, keys)):
        near = np.sort(cosines)[::-1][:neighbours]
        expected = np.exp(near / temperature) / np.exp(near / temperature).sum()
        # Which of several equally near keys are taken is another test's; their weights are the same.
        np.testing.assert_allclose(np.sort(dense[row])[::-1][: len(near)], expected, atol=1e-5)
        assert cosines[dense[row] > 0].min() >= near[-1] - 1e-6


def test_of_equally_near_keys_the_first_are_taken() -> None:
    keys = np.tile(np.array([[0, 2], [1, 0]], np.float32), (700, 1))
    weights = SoftmaxNeighbours(3).weigh(np.array([[5, 0]], np.float32), keys)
    assert weights.indices.tolist() == [1, 3, 5]
    np.testing.assert_allclose(weights.data, 1 / 3)


@pytest.mark.parametrize("temperature", [1e-3, 1e-30, 1e30])
def test_no_temperature_gives_nan(temperature: float) -> None:
    keys = np.array([[1, 0], [1, 1], [-1, 0]], np.float32)
    weights = SoftmaxNeighbours(temperature=temperature).weigh(keys, keys)
    check_convex(weights)
    np.testing.assert_allclose(weights.toarray(), np.eye(3) if temperature < 1 else np.full((3, 3), 1 / 3), atol=1e-9)


def test_an_approximate_index_may_be_asked_for() -> None:
    rng = np.random.default_rng(0)
    keys = (rng.normal(size=(50, 16))[rng.integers(0, 50, 5000)] + 0.1 * rng.normal(size=(5000, 16))).astype(np.float32)
    said = list[str]()
    exact = SoftmaxNeighbours().weigh(keys[:300], keys, said.append)
    assert said == []
    near = SoftmaxNeighbours(index="ivf").weigh(keys[:300], keys, said.append)
    assert re.fullmatch(r"neighbours by ivf: (98|99|100)\.\d% of those of a sample are found", said[0])
    check_convex(near)
    assert exact.minimum(near).sum() / 300 > 0.95


def test_fields_are_checked() -> None:
    with pytest.raises(InputError, match="neighbours must be at least 1, not 0"):
        SoftmaxNeighbours(neighbours=0)
    with pytest.raises(InputError, match="temperature must be positive"):
        SoftmaxNeighbours(temperature=0)
    with pytest.raises(UnknownNameError, match="Did you mean 'exact'"):
        SoftmaxNeighbours(index="exat")


def test_an_index_that_is_not_used_is_mentioned() -> None:
    said, keys = list[str](), np.eye(3, dtype=np.float32)
    SoftmaxNeighbours(neighbours=2, index="hnsw").weigh(keys, keys, said.append)
    assert said == ["neighbours were searched exactly: hnsw would be no faster, or find too few"]
