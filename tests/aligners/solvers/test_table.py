from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from vocabx.aligners.solvers.table import SOLVERS


@pytest.mark.parametrize("name", SOLVERS)
def test_a_solver_is_a_frozen_dataclass_of_plain_fields(name: str) -> None:
    solver: Any = SOLVERS[name]()
    names = [field.name for field in dataclasses.fields(solver)]
    assert all(type(getattr(solver, field)) in (str, int, float, bool) for field in names)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(solver, names[0], 1)


@pytest.mark.parametrize("name", SOLVERS)
def test_a_solver_weighs_keys_alike_each_time_and_leaves_its_arguments_alone(name: str) -> None:
    rng = np.random.default_rng(0)
    queries, keys = (rng.normal(size=(rows, 12)).astype(np.float32) for rows in (40, 90))
    before = queries.copy(), keys.copy()
    first, second = (SOLVERS[name]().weigh(queries, keys) for _ in range(2))
    assert (queries == before[0]).all()
    assert (keys == before[1]).all()
    assert first.shape == (40, 90)
    assert first.dtype == np.float64
    assert first.data.tobytes() == second.data.tobytes()
    assert first.indices.tolist() == second.indices.tolist()


@pytest.mark.parametrize("name", SOLVERS)
def test_a_solver_makes_a_token_of_the_only_key(name: str) -> None:
    weights = SOLVERS[name]().weigh(np.array([[2, 1], [2, 3]], np.float32), np.array([[2, 1]], np.float32))
    assert weights.shape == (2, 1)
    np.testing.assert_allclose(weights.toarray()[0], 1, rtol=1e-6)


@pytest.mark.parametrize("name", SOLVERS)
def test_no_queries_give_no_rows(name: str) -> None:
    assert SOLVERS[name]().weigh(np.empty((0, 3), np.float32), np.ones((4, 3), np.float32)).shape == (0, 4)
