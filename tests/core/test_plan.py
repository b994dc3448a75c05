from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocabx.core.errors import InputError
from vocabx.core.plan import NEW, Plan, Run


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Plans in which kept runs, scattered ids and new ids mix."""
    before = draw(st.integers(1, 30))
    origins = draw(st.lists(st.integers(NEW, before - 1), min_size=1, max_size=40))
    if draw(st.booleans()):
        origins = sorted(origins)
    return Plan(np.array(origins), before, before + draw(st.integers(0, 3)), len(origins) + draw(st.integers(0, 3)), {})


@pytest.mark.parametrize(
    ("kept", "new", "before", "after", "padding", "reused"),
    [
        (100, 20, 100, 128, range(120, 128), 0),
        (100, 20, 110, 128, range(120, 128), 10),
        (100, 5, 128, 128, range(105, 128), 5),
        (100, 0, 100, 100, range(100, 100), 0),
        (100, 20, 0, 120, range(120, 120), 0),
    ],
)
def test_rows_are_kept_new_or_padding(
    kept: int, new: int, before: int, after: int, padding: range, reused: int
) -> None:
    plan = Plan.appending(kept, new, before, after, {"eos": 2})
    assert (plan.tokens, plan.kept, plan.new) == (kept + new, kept, new)
    assert plan.padding == padding
    assert plan.reused_padding == reused
    assert plan.keeps_ids
    assert plan.runs == (Run(0, 0, kept),)
    assert not len(plan.dropped)


@given(plan=plans())
def test_the_runs_are_the_kept_ids(plan: Plan) -> None:
    pairs = [(run.first + i, run.origin + i) for run in plan.runs for i in range(run.size)]
    assert pairs == [(token, origin) for token, origin in enumerate(plan.origins.tolist()) if origin != NEW]
    assert [token for token, _ in pairs] == plan.kept_ids.tolist()
    assert sorted({*plan.kept_ids.tolist(), *plan.new_ids.tolist()}) == [*range(plan.tokens)]
    for one, two in zip(plan.runs, plan.runs[1:], strict=False):
        assert (one.first + one.size, one.origin + one.size) != (two.first, two.origin)


@given(plan=plans())
def test_the_image_of_an_id_is_the_lowest_that_keeps_its_row(plan: Plan) -> None:
    origins = plan.origins.tolist()
    expected = [origins.index(token) if token in origins else NEW for token in range(plan.tokens_before)]
    assert plan.images.tolist() == expected
    assert plan.dropped.tolist() == [token for token, image in enumerate(expected) if image == NEW]


@given(plan=plans())
def test_a_plan_travels_as_json(plan: Plan) -> None:
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_its_json_holds_runs() -> None:
    assert Plan.appending(100, 20, 100, 128, {"eos": 2}).to_json() == {
        "tokens_before": 100,
        "tokens": 120,
        "new": 20,
        "rows_before": 100,
        "rows_after": 128,
        "padding": 8,
        "roles": {"eos": 2},
        "runs": [[0, 0, 100]],
    }


@pytest.mark.parametrize(
    ("origins", "before", "keeps"),
    [([0, 1, NEW], 2, True), ([0, NEW, 2, NEW], 3, True), ([0, 1], 3, False), ([0, 2], 3, False), ([1, 0], 2, False)],
)
def test_ids_are_kept_where_each_is_its_own_origin_and_none_is_gone(
    origins: list[int], before: int, keeps: bool
) -> None:
    assert Plan(np.array(origins), before, before, 9, {}).keeps_ids is keeps


def test_a_reused_slot_is_new_and_dropped() -> None:
    plan = Plan(np.array([0, NEW, 2, NEW]), 3, 3, 4, {})
    assert (plan.new_ids.tolist(), plan.dropped.tolist()) == ([1, 3], [1])


@given(one=plans(), two=plans())
def test_plans_are_equal_when_all_of_them_is(one: Plan, two: Plan) -> None:
    assert one == replace(one)
    assert (one == two) == (one.to_json() == two.to_json())
    assert one != "a plan"


def test_a_plan_cannot_be_changed() -> None:
    given_origins = np.arange(3)
    plan = Plan(given_origins, 3, 3, 3, {})
    given_origins[0] = 2
    assert plan.origins.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="read-only"):
        plan.origins[0] = 1


PLAN = Plan.appending(10, 2, 10, 12, {"eos": 2})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"origins": np.array([0, 10])}, "takes the row of id 1 from id 10 of the base, which has 10 tokens"),
        ({"origins": np.array([0, -2])}, "takes the row of id 1 from id -2"),
        ({"origins": np.zeros((2, 2))}, r"origins: expected shape \(any\), got \(2, 2\)"),
        ({"rows_before": 9}, "has 9 rows for 10 tokens of the base"),
        ({"rows_after": 11}, "has 11 rows for 12 tokens"),
        ({"roles": {"eos": 12}}, "gives the role eos to id 12, and there are 12 tokens"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(PLAN, **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"runs": [[0, 0, 13]]}, "a run of 13 ids from 0, and there are 12 tokens"),
        ({"runs": [[0, 0, 9]]}, "says 2 new tokens, and its runs leave 3"),
    ],
)
def test_json_that_contradicts_itself_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Plan.from_json(PLAN.to_json() | change)
