from __future__ import annotations

import numpy as np
import pytest

from vocabx.core.errors import InputError
from vocabx.eval.finetune.tally import Tally, tally_correct

LABELS = np.array([0, 1, 2, 0, 1, 2])
GROUPS = np.array([0, 0, 0, 1, 1, 1])


def test_accuracy_is_the_mean_over_seeds() -> None:
    tally = tally_correct(np.array([LABELS, [0, 1, 2, 1, 1, 1]]), LABELS, GROUPS)
    assert tally.by_seed.tolist() == pytest.approx([1, 4 / 6])
    assert tally.value == pytest.approx(5 / 6)
    assert tally.deviation == pytest.approx(np.std([1, 4 / 6], ddof=1))
    assert tally.parts.tolist() == [[3, 3], [3, 1]]


def test_one_seed_has_no_deviation() -> None:
    assert tally_correct(LABELS[None], LABELS, GROUPS).deviation is None


def test_premises_are_drawn_whole() -> None:
    """Answers that are right for one premise of two: only 0, 1/2 and 1 can be drawn, a quarter of the time the ends."""
    tally = tally_correct(np.array([[0, 1, 2, 1, 2, 0]]), LABELS, GROUPS)
    interval = tally.interval(np.random.default_rng(0))
    assert (interval.low, interval.estimate, interval.high) == (0, 0.5, 1)


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        chances = rng.beta(2, 2, 60)  # premises differ, so that rows of one go together
        right = (rng.random((60, 3)) < chances[:, None]).astype(np.float64)
        interval = Tally(right.sum(1)[None], np.full((1, 60), 3.0)).interval(rng, resamples=200)
        covered += interval.low <= 0.5 <= interval.high
    assert 0.88 <= covered / 200 <= 0.98


def test_a_difference_is_of_the_same_draws() -> None:
    rng = np.random.default_rng(0)
    parts = rng.integers(0, 4, (2, 40)).astype(np.float64)
    wholes = np.full((2, 40), 3.0)
    better = Tally(np.minimum(parts + 1, 4), wholes + 0.0)
    alike = Tally(parts, wholes).difference(Tally(parts, wholes), rng)
    assert (alike.low, alike.estimate, alike.high) == (0, 0, 0)
    gained = better.difference(Tally(parts, wholes), rng)
    assert gained.low == pytest.approx(1 / 3)
    assert gained.estimate == pytest.approx(better.value - Tally(parts, wholes).value)


def test_the_generator_decides_the_interval() -> None:
    tally = Tally(np.arange(30.0)[None], np.full((1, 30), 40.0))
    assert tally.interval(np.random.default_rng(3)) == tally.interval(np.random.default_rng(3))


def test_nothing_to_find_is_zero() -> None:
    assert Tally(np.zeros((1, 2)), np.zeros((1, 2))).value == 0


def test_tallies_of_other_units_do_not_compare() -> None:
    with pytest.raises(InputError, match="only on the same units"):
        Tally(np.ones((1, 2)), np.ones((1, 2))).difference(
            Tally(np.ones((1, 3)), np.ones((1, 3))), np.random.default_rng()
        )
