from __future__ import annotations

import numpy as np
import pytest

from vocabx.eval import bootstrap
from vocabx.eval.bootstrap import bootstrap_ratio, resample


def test_sums_are_those_of_the_units_that_were_drawn() -> None:
    counts = np.random.default_rng(0).integers(9, size=(7, 2, 3))
    again = np.random.default_rng(1)
    expected = [counts[again.integers(7, size=7)].sum(axis=0) for _ in range(20)]
    np.testing.assert_array_equal(resample(counts, np.random.default_rng(1), 20), expected)


def test_draws_do_not_depend_on_how_many_are_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = np.arange(5)
    at_once = resample(counts, np.random.default_rng(1), 20)
    monkeypatch.setattr(bootstrap, "DRAWN_AT_ONCE", 3)
    np.testing.assert_array_equal(resample(counts, np.random.default_rng(1), 20), at_once)


def test_a_ratio_that_is_the_same_everywhere_is_certain() -> None:
    wholes = np.arange(1, 9)
    interval = bootstrap_ratio(wholes / 2, wholes, np.random.default_rng(0))
    assert (interval.estimate, interval.low, interval.high) == (0.5, 0.5, 0.5)
