from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocabx.core import cosines
from vocabx.core.cosines import cosine_blocks, largest, unit_rows
from vocabx.core.errors import InputError


@given(
    seed=st.integers(0, 999),
    rows=st.integers(0, 4),
    columns=st.integers(0, 2500),
    count=st.integers(0, 300),
    different=st.sampled_from([1, 2, 30, 100_000]),
)
def test_the_largest_are_those_of_a_stable_sort(seed: int, rows: int, columns: int, count: int, different: int) -> None:
    values = np.random.default_rng(seed).integers(-different, different, size=(rows, columns)).astype(np.float32)
    ids, entries = largest(values, count)
    expected = np.argsort(-values, axis=1, kind="stable")[:, :count]
    assert ids.dtype == np.int64
    assert ids.tolist() == expected.tolist()
    assert entries.tolist() == np.take_along_axis(values, expected, axis=1).tolist()


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float64])
def test_rows_of_any_float_type_get_length_one(dtype: type) -> None:
    units = unit_rows(np.array([[3, 4], [0, 0], [-8, 6]]).astype(dtype))
    assert units.dtype == np.float32
    np.testing.assert_allclose(units, np.array([[0.6, 0.8], [0, 0], [-0.8, 0.6]]), atol=1e-7)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_row_without_a_direction_is_named(value: float) -> None:
    rows = np.ones((2000, 2), np.float32)
    rows[1500, 1] = value
    with pytest.raises(InputError, match="Row 1500 of the vectors is infinite or not a number"):
        unit_rows(rows)


def test_blocks_are_the_whole_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cosines, "LEAST_ROWS_PER_BLOCK", 3)
    monkeypatch.setattr(cosines, "ENTRIES_PER_BLOCK", 1)
    queries, keys = (np.random.default_rng(0).normal(size=(rows, 6)).astype(np.float32) for rows in (8, 20))
    blocks = [(start, block.copy()) for start, block in cosine_blocks(queries, keys)]
    assert [start for start, _ in blocks] == [0, 3, 6]
    np.testing.assert_allclose(np.concatenate([block for _, block in blocks]), queries @ keys.T, rtol=1e-5)
