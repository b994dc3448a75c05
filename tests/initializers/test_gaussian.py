from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests import strategies
from tests.strategies import FLOAT_TYPES
from tests.tokenizer_tools.toys import of_merges
from tests.transfers import transfer
from vocabx.core import alignment, arrays
from vocabx.core.errors import InputError, UnknownNameError
from vocabx.initializers import gaussian
from vocabx.initializers.gaussian import DISTRIBUTIONS, Gaussian, GaussianDraw

SOURCES, DRAWN = 3000, 40_000


def source_rows(dimensions: int = 4) -> NDArray[np.float64]:
    """Rows whose dimensions differ in mean and size, and depend on each other."""
    rng = np.random.default_rng(3)
    mixing = rng.normal(size=(dimensions, dimensions)) * np.arange(1, dimensions + 1)
    return np.asarray(rng.normal(size=(SOURCES, dimensions)) @ mixing + np.arange(dimensions))


def half() -> NDArray[np.bool_]:
    return np.asarray(np.arange(SOURCES) % 2 == 0)


def draw(
    distribution: str, matrix: NDArray[np.float64], count: int = DRAWN, seed: int = 0, scale: float = 1.0
) -> NDArray[np.float64]:
    blocks = GaussianDraw(distribution, count, seed, 0, half(), scale).blocks(matrix.astype(np.float32))
    return np.concatenate(list(blocks)).astype(np.float64)


def test_univariate_rows_have_the_mean_and_deviation_of_each_dimension_and_nothing_in_common() -> None:
    used, rows = source_rows()[half()], draw("univariate", source_rows())
    errors = used.std(axis=0) / np.sqrt(DRAWN)
    assert (np.abs(rows.mean(axis=0) - used.mean(axis=0)) < 5 * errors).all()
    np.testing.assert_allclose(rows.std(axis=0), used.std(axis=0), rtol=0.02)
    correlation = np.corrcoef(rows.T)
    assert np.abs(correlation - np.eye(4)).max() < 0.03


def test_multivariate_rows_have_a_hundred_thousandth_of_the_covariance() -> None:
    used, rows = source_rows()[half()], draw("multivariate", source_rows(), scale=1e-5)
    covariance = np.cov(used.T, bias=True)
    np.testing.assert_allclose(rows.mean(axis=0), used.mean(axis=0), atol=5 * np.sqrt(1e-5 * covariance.max() / DRAWN))
    found = np.cov(rows.T) / 1e-5
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    assert (np.abs(found - covariance) / scale).max() < 0.03


def test_isotropic_rows_lie_around_zero_with_the_size_of_all_entries() -> None:
    used, rows = source_rows()[half()], draw("isotropic", source_rows())
    size = np.sqrt((used**2).mean())
    assert np.abs(rows.mean(axis=0)).max() < 5 * size / np.sqrt(DRAWN)
    np.testing.assert_allclose(rows.std(axis=0), size, rtol=0.02)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_the_moments_do_not_depend_on_the_size_of_the_blocks(
    distribution: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    matrix = source_rows().astype(np.float32)
    mean, spread = DISTRIBUTIONS[distribution](matrix, half())
    monkeypatch.setattr(gaussian, "row_blocks", lambda rows: arrays.row_blocks(rows, 7))
    other_mean, other_spread = DISTRIBUTIONS[distribution](matrix, half())
    np.testing.assert_allclose(other_mean, mean, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(other_spread, spread, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_the_moments_are_numpys_on_the_rows_as_stored(distribution: str) -> None:
    for dtype in FLOAT_TYPES:
        matrix = source_rows().astype(dtype)
        used = matrix[half()].astype(np.float64)
        mean, spread = DISTRIBUTIONS[distribution](matrix, half())
        if distribution == "isotropic":
            expected_mean, expected_spread = np.zeros(4), np.full(4, np.sqrt((used**2).mean()))
        elif distribution == "univariate":
            expected_mean, expected_spread = used.mean(axis=0), used.std(axis=0)
        else:
            expected_mean, expected_spread = used.mean(axis=0), np.cov(used.T, bias=True)
            spread = spread @ spread.T
        np.testing.assert_allclose(mean, expected_mean, rtol=1e-9)
        np.testing.assert_allclose(spread, expected_spread, rtol=1e-6)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_rows_do_not_depend_on_how_many_are_made_at_a_time(distribution: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = draw(distribution, source_rows(), 150)
    monkeypatch.setattr(gaussian, "NEW_ROWS_PER_BLOCK", 11)
    np.testing.assert_array_equal(draw(distribution, source_rows(), 150), expected)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_rows_come_in_blocks(distribution: str) -> None:
    matrix = source_rows().astype(np.float32)
    sizes = [len(block) for block in GaussianDraw(distribution, 150, 0, 0, half()).blocks(matrix)]
    assert sum(sizes) == 150
    assert max(sizes) == alignment.NEW_ROWS_PER_BLOCK


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_fewer_rows_than_dimensions_are_enough(distribution: str) -> None:
    matrix = np.random.default_rng(0).normal(size=(5, 20)).astype(np.float32)
    rows = np.concatenate(list(GaussianDraw(distribution, 9, 0, 0, np.ones(5, np.bool_)).blocks(matrix)))
    assert rows.shape == (9, 20)
    assert np.isfinite(rows).all()


@pytest.mark.parametrize("distribution", ["univariate", "multivariate"])
def test_rows_that_are_all_alike_give_that_row(distribution: str) -> None:
    matrix = np.full((50, 3), 0.7, np.float32)
    rows = np.concatenate(list(GaussianDraw(distribution, 4, 0, 0, np.ones(50, np.bool_)).blocks(matrix)))
    np.testing.assert_allclose(rows, np.float32(0.7), rtol=1e-6)


def test_the_draw_of_a_small_extension_begins_that_of_a_large_one() -> None:
    np.testing.assert_array_equal(draw("univariate", source_rows(), 150)[:64], draw("univariate", source_rows(), 64))


def test_input_head_and_bias_have_streams_of_their_own() -> None:
    source = of_merges(("a", "b"))
    drawn = Gaussian("univariate").initialize(transfer(source, strategies.table([b"ab"]), source.tokens.is_text, 3))
    streams = [rule.stream for rule in (drawn.input, drawn.head, drawn.bias) if isinstance(rule, GaussianDraw)]
    assert streams == [0, 1, 2]


def test_the_description_of_a_draw_says_all_that_fixes_it() -> None:
    assert repr(GaussianDraw("univariate", 5, 7, 1, half())) == (
        "GaussianDraw(distribution='univariate', count=5, seed=7, stream=1, scale=1.0)"
    )


def test_an_unknown_distribution_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match=r"no distribution called 'univariat'\. Did you mean 'univariate'"):
        Gaussian("univariat")


def test_a_negative_variance_is_refused() -> None:
    with pytest.raises(InputError, match=r"^The option scale must be 0 or more, not -1\.$"):
        Gaussian("univariate", -1)


def test_a_bias_is_never_drawn_around_zero() -> None:
    source = of_merges(("a", "b"))
    usable = np.asarray(source.tokens.is_text)
    biases = np.random.default_rng(0).normal(-11.7, 2.0, (len(usable), 1)).astype(np.float32)
    new = strategies.table([b"%d" % number for number in range(500)])
    rule = Gaussian("isotropic").initialize(transfer(source, new, usable)).bias
    drawn = np.concatenate(list(rule.blocks(biases)))
    assert abs(drawn.mean() - biases[usable].mean()) < 0.5
    assert drawn.max() < 0
