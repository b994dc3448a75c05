"""Factors are those of a singular value decomposition, found without one."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray
from scipy.sparse import csr_array

from vocabx.core.alignment import Alignment
from vocabx.core.errors import InputError
from vocabx.factorization import Factors, spectrum


def matrix(rows: int = 300, size: int = 24, dtype: Any = np.float32) -> NDArray[Any]:
    """Rows around a mean of their own, some directions longer than others."""
    rng = np.random.default_rng(0)
    return ((rng.normal(size=(rows, size)) + 0.5) * np.linspace(0.2, 3, size)).astype(dtype)


def truncated(rows: NDArray[Any], rank: int) -> NDArray[np.float64]:
    """The best approximation, by the library's own decomposition."""
    left, values, right = np.linalg.svd(rows.astype(np.float64), full_matrices=False)
    return np.asarray((left[:, :rank] * values[:rank]) @ right[:rank])


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("rank", [1, 7, 24])
def test_the_product_is_the_best_approximation(rank: int, balanced: bool, dtype: Any) -> None:
    rows = matrix(dtype=dtype)
    factors = spectrum(rows).factors(rank, balanced)
    product = factors.coordinates(rows.astype(np.float32)) @ factors.primitives
    np.testing.assert_allclose(product, truncated(rows, rank), atol=2e-5)
    np.testing.assert_allclose(factors.project(rows.astype(np.float32)), product, atol=1e-6)


@pytest.mark.parametrize("balanced", [False, True])
def test_as_many_primitives_as_dimensions_give_the_matrix_back(balanced: bool) -> None:
    rows = matrix()
    product = spectrum(rows).factors(24, balanced).project(rows)
    assert np.linalg.norm(product - rows) / np.linalg.norm(rows) < 1e-5


def test_a_long_and_a_short_direction_give_the_matrix_back_too() -> None:
    rows = matrix() * np.geomspace(1e-3, 1, 24).astype(np.float32) + np.float32(0.3)
    product = spectrum(rows).factors(24).project(rows)
    assert np.linalg.norm(product - rows) / np.linalg.norm(rows) < 1e-5


def test_singular_values_are_those_of_the_matrix() -> None:
    values = np.linalg.svd(matrix().astype(np.float64), compute_uv=False)
    np.testing.assert_allclose(np.sqrt(spectrum(matrix()).squares), values, rtol=1e-9)


def test_the_share_that_is_kept_is_that_of_the_squares() -> None:
    values = np.linalg.svd(matrix().astype(np.float64), compute_uv=False)
    found = spectrum(matrix())
    assert found.factors(5).retained == pytest.approx((values[:5] ** 2).sum() / (values**2).sum(), rel=1e-9)
    lost = np.linalg.norm(matrix() - found.factors(5).project(matrix())) ** 2 / np.linalg.norm(matrix()) ** 2
    assert found.factors(5).retained == pytest.approx(1 - lost, abs=1e-5)


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_more_primitives_never_keep_less(rows: int, size: int, seed: int) -> None:
    retained = spectrum(np.random.default_rng(seed).normal(size=(rows, size))).retained
    assert (np.diff(retained) >= 0).all()
    assert retained[-1] == 1.0
    assert retained[0] > 0


def test_coordinates_are_orthonormal_as_in_ofa_or_balanced_with_the_primitives() -> None:
    rows, found = matrix(), spectrum(matrix())
    plain, balanced = found.factors(6), found.factors(6, balanced=True)
    np.testing.assert_allclose((c := plain.coordinates(rows)).T @ c, np.eye(6), atol=1e-4)
    in_rows = np.linalg.norm(balanced.coordinates(rows), axis=0)
    np.testing.assert_allclose(in_rows, np.linalg.norm(balanced.primitives, axis=1), rtol=1e-4)


def test_new_rows_of_coordinates_are_the_same_weights_of_coordinates() -> None:
    rows, factors = matrix(), spectrum(matrix()).factors(6)
    weights = Alignment.build(csr_array(np.random.default_rng(1).dirichlet(np.ones(300) * 0.05, size=20)))
    np.testing.assert_allclose(
        factors.coordinates(weights.apply(rows)), weights.apply(factors.coordinates(rows)), atol=1e-6
    )
    np.testing.assert_allclose(factors.project(weights.apply(rows)), weights.apply(factors.project(rows)), atol=1e-5)


@pytest.mark.parametrize("size", [1, 3, 64, 100, 256])
def test_equal_rows_stay_equal_whatever_is_beside_them(size: int) -> None:
    rows, factors = matrix(), spectrum(matrix()).factors(7)
    for function in (factors.coordinates, factors.project):
        whole = function(rows)
        for start in range(0, 300, size):
            np.testing.assert_array_equal(function(rows[start : start + size]), whole[start : start + size])


def test_rows_that_are_not_finite_take_no_part() -> None:
    rows = matrix()
    broken = np.insert(rows, [0, 100], [[np.nan], [np.inf]], axis=0)
    broken[0, 1:] = 1
    found = spectrum(broken)
    assert (found.rows, found.skipped) == (300, 2)
    np.testing.assert_allclose(found.squares, spectrum(rows).squares, rtol=1e-9)
    assert np.isfinite(found.factors(6).project(rows)).all()


def test_the_sign_of_a_direction_is_chosen() -> None:
    np.testing.assert_allclose(spectrum(-matrix()).directions, spectrum(matrix()).directions, atol=1e-9)
    assert (spectrum(matrix()).directions.max(axis=1) == np.abs(spectrum(matrix()).directions).max(axis=1)).all()


@pytest.mark.parametrize("rank", [0, 4, 25])
def test_a_rank_that_the_matrix_has_not_is_refused(rank: int) -> None:
    low = matrix(size=3) @ np.random.default_rng(2).normal(size=(3, 24))
    with pytest.raises(
        InputError, match=f"of 24 dimensions and rank 3 has factors of rank 1 to 3, not {rank}.*--factorize"
    ):
        spectrum(low).factors(rank)


def test_a_matrix_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="no row that is finite and not all zero"):
        spectrum(np.array([[0.0, 0.0], [np.nan, 1.0]]))


@pytest.mark.parametrize(("rank", "millions"), [(100, 40.2), (768, 308.6)])
def test_a_vocabulary_of_401_thousand_has_as_many_parameters_as_was_published(rank: int, millions: float) -> None:
    factors = Factors(np.zeros((rank, 768)), np.zeros((768, rank)), 1.0)
    assert round(factors.parameters(401_000) / 1e6, 1) == millions
