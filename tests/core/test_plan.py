from __future__ import annotations

import json

import pytest

from vocabx.core.plan import Plan


@pytest.mark.parametrize(
    ("kept", "new", "before", "after", "padding", "reused"),
    [
        (100, 20, 100, 128, range(120, 128), 0),
        (100, 20, 110, 128, range(120, 128), 10),
        (100, 5, 128, 128, range(105, 128), 5),
        (100, 0, 100, 100, range(100, 100), 0),
        (100, 20, 90, 120, range(120, 120), 0),
    ],
)
def test_rows_are_kept_new_or_padding(
    kept: int, new: int, before: int, after: int, padding: range, reused: int
) -> None:
    plan = Plan(kept, new, before, after, {"eos": 2})
    assert plan.tokens == kept + new
    assert plan.padding == padding
    assert plan.reused_padding == reused


def test_a_plan_travels_as_json() -> None:
    assert json.loads(json.dumps(Plan(100, 20, 100, 128, {"eos": 2}).to_json())) == {
        "kept": 100,
        "new": 20,
        "rows_before": 100,
        "rows_after": 128,
        "roles": {"eos": 2},
        "padding": 8,
    }
