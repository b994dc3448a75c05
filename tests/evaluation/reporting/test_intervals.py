from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from tests.evaluation.made import SCORES, result
from tests.evaluation.test_result import results
from vocabx.evaluation.reporting.combining import combine
from vocabx.evaluation.reporting.intervals import drop_hollow_intervals
from vocabx.evaluation.reporting.report import to_report
from vocabx.evaluation.result import Difference, Result, Score


def of(kind: str, items: int, **more: Any) -> Result:
    scores = [replace(score, items=items, error=0.1) for score in SCORES[:2]]
    return result(**{"kind": kind, "scores": scores, "notes": (), **more})


def has_intervals(shown: Result) -> list[bool]:
    ends = [*((one.low, one.high) for one in shown.scores), *((one.low, one.high) for one in shown.differences)]
    return [None not in pair for pair in ends]


@pytest.mark.parametrize(
    ("kind", "least", "units"),
    [
        ("kobest", 5, "items"),
        ("bits-per-byte", 5, "documents"),
        ("retrieval", 5, "pairs"),
        ("xnli", 15, "pairs (5 premises)"),
        ("anything", 5, "items"),
    ],
)
def test_an_interval_of_too_few_units_is_left_out_and_a_note_says_why(kind: str, least: int, units: str) -> None:
    enough = of(kind, least)
    assert drop_hollow_intervals(enough) == enough
    dropped = drop_hollow_intervals(of(kind, least - 1))
    assert has_intervals(dropped) == [False, False, False]
    assert [score.value for score in dropped.scores] == [score.value for score in enough.scores]
    assert [score.error for score in dropped.scores] == [None, None]
    (note,) = dropped.notes
    assert (
        note == f"No interval is shown for boolq: fewer than {least} {units} do not tell how far a number would move."
    )


@pytest.mark.parametrize("repeats", [1, 2])
def test_one_repeat_has_no_slowest_and_fastest(repeats: int) -> None:
    shown = drop_hollow_intervals(of("speed", 1, settings={"repeats": repeats}))
    assert has_intervals(shown) == [repeats > 1] * 3
    assert len(shown.notes) == (repeats == 1)


def test_a_speed_that_does_not_say_its_repeats_is_left_as_it_is() -> None:
    assert has_intervals(drop_hollow_intervals(of("speed", 1, settings={}))) == [True] * 3


@pytest.mark.parametrize(("changed", "is_kept"), [(0.0, True), (0.5, True), (0.6, False)])
def test_what_retention_says_of_predictions_is_of_the_documents_that_kept_their_ids(
    changed: float, is_kept: bool
) -> None:
    scores = [
        Score("changed", "en", "documents changed", changed, items=10),
        Score("changed", "en", "mass on new ids", 0.1, 0.05, 0.2, items=9999),
    ]
    shown = drop_hollow_intervals(result(kind="retention", scores=scores, differences=()))
    assert has_intervals(shown) == [False, is_kept]


def test_an_average_is_of_as_many_as_its_smallest_task() -> None:
    sizes = {"boolq": 100, "copa": 3, "kobest, plain average": 103}
    scores = [Score("base", task, "acc", 0.5, 0.4, 0.6, items=items) for task, items in sizes.items()]
    gap = Difference("changed", "base", "kobest, plain average", "acc", 0.1, 0.05, 0.2)
    shown = drop_hollow_intervals(result(scores=scores, differences=[gap]))
    assert has_intervals(shown) == [True, False, False, False]
    assert shown.notes[-1].startswith("No interval is shown for copa, kobest, plain average: fewer than 5 items")


def test_tables_alone_and_together_have_no_such_interval_and_the_file_keeps_it() -> None:
    few = of("kobest", 2)
    for report in (to_report(few), combine([few]).to_report(), combine([few, of("xnli", 300)]).to_report()):
        (note,) = (note for note in report.notes if "No interval is shown for boolq" in note)
        table = report.tables[0]
        assert table.rows[0][2:4] == ["0.5000", "0.6250"]
        assert "clear" not in report.tables[1].columns
    assert note.startswith("kobest: ")
    assert few.to_json()["scores"][0]["low"] == 0.4


@given(results())
def test_nothing_but_intervals_errors_and_notes_is_taken_away(drawn: Result) -> None:
    shown = drop_hollow_intervals(drawn)
    for old, new in zip(drawn.scores, shown.scores, strict=True):
        assert replace(old, low=None, high=None, error=None) == replace(new, low=None, high=None, error=None)
    for before, after in zip(drawn.differences, shown.differences, strict=True):
        assert replace(before, low=None, high=None) == replace(after, low=None, high=None)
    assert replace(shown, scores=drawn.scores, differences=drawn.differences, notes=drawn.notes) == drawn
