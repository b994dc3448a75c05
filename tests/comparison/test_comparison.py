from __future__ import annotations

import json

import numpy as np
import pytest

from tests.comparison.made import compared
from vocabx.comparison.comparison import Row
from vocabx.comparison.report import comparison_json, comparison_report

METHODS = {"random": 3.0, "mean": 2.5, "constituents": 2.0}
TRAINED = {"random": [2.2, 2.0, 2.4], "mean": [1.7, 1.8, 1.9], "constituents": [1.9, 1.9, 1.9]}


def labels(rows: list[Row]) -> list[str]:
    return [row.label for row in rows]


def test_the_best_on_the_target_language_is_first_before_and_after_training() -> None:
    comparison = compared(METHODS, TRAINED)
    assert labels(comparison.ranked()) == ["constituents", "mean", "random"]
    assert labels(comparison.ranked_trained()) == ["mean", "constituents", "random"]
    assert compared(METHODS).ranked_trained() == []


def test_of_several_seeds_the_mean_and_the_standard_deviation_are_given() -> None:
    row = compared(METHODS, TRAINED).ranked_trained()[2]
    assert row.target.estimate == pytest.approx(2.2)
    assert row.spread == pytest.approx(0.2)
    assert compared(METHODS, {"mean": [1.7]}).ranked_trained()[0].spread is None
    assert all(row.spread is None for row in compared(METHODS).ranked())


def test_differences_are_paired_and_missing_for_a_method_itself() -> None:
    best, mean, random = compared(METHODS).ranked()
    assert best.minus_best is None is mean.minus_reference
    assert best.minus_reference is not None
    assert best.minus_reference.estimate == pytest.approx(-0.5)
    assert random.minus_best is not None
    assert random.minus_best.estimate == pytest.approx(1.0)
    # Costs are proportional here, so that resampling moves a difference far less than the values.
    width = random.minus_best.high - random.minus_best.low
    assert 0 < width < 0.5 * (random.target.high - random.target.low)


def test_the_source_side_is_compared_with_the_base() -> None:
    row = compared(METHODS).ranked()[0]
    assert row.minus_base is not None
    assert row.minus_base.estimate == pytest.approx(0)
    assert compared(METHODS).base_row.minus_base is None


def test_the_text_has_a_table_for_each_time_with_the_base_in_the_first() -> None:
    lines = comparison_report(compared(METHODS, TRAINED)).to_text().splitlines()
    first = lines.index("right after the change")
    second = lines.index("after 5 steps of 256 tokens, only new rows trained; 3 seeds")
    assert [line.split()[0] for line in lines[first + 3 : first + 7]] == ["base", "constituents", "mean", "random"]
    assert [line.split()[0] for line in lines[second + 3 :]] == ["mean", "constituents", "random"]
    assert "flips" in lines[first + 1]
    assert "sd of seeds" in lines[second + 1]


def test_without_text_in_the_source_language_there_are_no_columns_for_it() -> None:
    text = comparison_report(compared(METHODS, TRAINED, source=None)).to_text()
    assert "source" not in text
    assert comparison_json(compared(METHODS, source=None))["methods"][0]["source"] is None


def test_the_data_hold_every_number() -> None:
    data = json.loads(json.dumps(comparison_json(compared(METHODS, TRAINED))))
    assert data["base"]["method"] == "base"
    assert [row["method"] for row in data["methods"]] == ["constituents", "mean", "random"]
    assert data["trained"][0]["seeds"] == pytest.approx({"0": 1.7, "1": 1.8, "2": 1.9})
    assert data["methods"][0]["tokens"] == {
        "target": {"all": 50, "new": 20},
        "source": {"all": 50, "new": 20},
    }
    assert data["methods"][0]["greedy"] == {"positions": 40, "flips": 2, "ties": 1}
    assert data["probe"]["steps"] == 5
    assert comparison_json(compared(METHODS))["probe"] is None


def test_the_mean_over_seeds_is_that_of_each_document() -> None:
    rows = compared(METHODS, {"mean": [1.0, 3.0]}).ranked_trained()
    single = compared(METHODS, {"mean": [2.0]}).ranked_trained()
    assert np.isclose(rows[0].target.low, single[0].target.low)
