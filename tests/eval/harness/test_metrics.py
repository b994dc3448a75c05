"""Metrics agree with sklearn's, floors with those of the published label counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocabx.eval.bootstrap import resample
from vocabx.eval.harness.answers import Answers
from vocabx.eval.harness.metrics import accuracies, constant_floor, count_confusions, macro_f1, macro_f1s


@pytest.mark.parametrize(
    ("counts", "answer", "accuracy", "f1"),
    [
        ((699, 705), 0, 0.4979, 0.3324),
        ((699, 705), 1, 0.5021, 0.3343),
        ((517, 483), 0, 0.517, 0.3408),
        ((517, 483), 1, 0.483, 0.3257),
        ((645, 615), 0, 0.5119, 0.3386),
        ((645, 615), 1, 0.4881, 0.3280),
        ((197, 200), 0, 0.4962, 0.3316),
        ((197, 200), 1, 0.5038, 0.3350),
        ((124, 137, 121, 118), 0, 0.248, 0.0994),
        ((124, 137, 121, 118), 1, 0.274, 0.1075),
        ((124, 137, 121, 118), 2, 0.242, 0.0974),
        ((124, 137, 121, 118), 3, 0.236, 0.0955),
    ],
)
def test_a_constant_answer_gets_what_tables_of_kobest_show(
    counts: tuple[int, ...], answer: int, accuracy: float, f1: float
) -> None:
    gold = np.repeat(np.arange(len(counts)), counts)
    constant = np.full(len(gold), answer)
    assert np.mean(gold == constant) == pytest.approx(accuracy, abs=5e-5)
    assert macro_f1(gold, constant, len(counts)) == pytest.approx(f1, abs=5e-5)


def test_the_floor_is_the_best_constant_answer() -> None:
    floor = constant_floor(np.repeat([0, 1, 2, 3], [124, 137, 121, 118]), 4)
    assert (round(floor.accuracy, 4), round(floor.macro_f1, 4)) == (0.274, 0.1075)


labels = st.integers(2, 5).flatmap(
    lambda choices: st.tuples(
        st.just(choices), st.lists(st.tuples(*[st.integers(0, choices - 1)] * 2), min_size=1, max_size=30)
    )
)


@given(labels)
def test_macro_f1_is_that_of_sklearn(drawn: tuple[int, list[tuple[int, int]]]) -> None:
    reference = pytest.importorskip("sklearn.metrics")
    choices, pairs = drawn
    gold, predicted = np.array(pairs).T
    expected = reference.f1_score(gold, predicted, average="macro")
    assert macro_f1(gold, predicted, choices) == pytest.approx(expected, abs=1e-12)


def test_metrics_of_draws_are_those_of_the_items_that_were_drawn() -> None:
    """Units are of one to three items; the oracle copies the items of each drawn unit."""
    rng = np.random.default_rng(3)
    gold, predicted = rng.integers(4, size=(2, 50))
    units = np.sort(np.concatenate([np.arange(25), rng.integers(25, size=25)]))
    counts = count_confusions(gold, predicted, 4, units)
    sums = resample(counts, np.random.default_rng(5), 40)
    again = np.random.default_rng(5)
    for row in range(40):
        items = np.concatenate([np.flatnonzero(units == unit) for unit in again.integers(25, size=25)])
        assert macro_f1s(sums)[row] == pytest.approx(macro_f1(gold[items], predicted[items], 4), abs=1e-12)
        assert accuracies(sums)[row] == pytest.approx((gold == predicted)[items].mean(), abs=1e-12)


def test_choices_are_ranked_by_the_length_that_a_metric_names() -> None:
    answers = Answers(
        "made up",
        gold=np.array([0]),
        log_likelihoods=np.array([[-10.0, -9.0, -12.0]]),
        characters=np.array([[5, 3, 8]]),
        bytes=np.array([[15, 9, 9]]),
    )
    assert [int(answers.predicted(metric)[0]) for metric in ("acc", "acc_norm", "acc_bytes")] == [1, 2, 0]
    assert answers.metrics == ("acc", "acc_bytes", "macro_f1")


def test_of_equal_choices_the_first_wins() -> None:
    ones = np.ones((1, 2), np.int64)
    assert Answers("made up", np.array([1]), ones.astype(float), ones, ones).predicted().tolist() == [0]
