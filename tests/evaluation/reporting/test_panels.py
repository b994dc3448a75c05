from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from vocabx.evaluation.reporting.panels import Place, arrange, wrap

PANELS = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 6), st.text(max_size=90)), min_size=1, max_size=14)
NAMES = st.lists(st.text(max_size=60), min_size=1, max_size=6)


def overlap(one: Place, other: Place) -> bool:
    (left, bottom, width, height), (left_too, bottom_too, width_too, height_too) = one, other
    beside = left + width <= left_too or left_too + width_too <= left
    return not (beside or bottom + height <= bottom_too or bottom_too + height_too <= bottom)


@given(PANELS, NAMES)
def test_panels_are_inside_the_picture_and_apart(panels: list[tuple[int, int, str]], names: list[str]) -> None:
    layout = arrange(panels, names)
    for left, bottom, width, height in layout.places:
        assert left > 0
        assert bottom > 0
        assert left + width < 1
        assert bottom + height < 1
    assert not any(overlap(one, other) for one, other in combinations(layout.places, 2))


@given(PANELS, NAMES)
def test_rows_of_as_many_models_are_equally_high(panels: list[tuple[int, int, str]], names: list[str]) -> None:
    layout = arrange([(tasks, 3, title) for tasks, _, title in panels], names)
    heights = [layout.size[1] * place[3] / tasks for place, (tasks, _, _) in zip(layout.places, panels, strict=True)]
    assert max(heights) - min(heights) < 1e-9


def test_four_panels_are_a_square_and_others_three_in_a_line() -> None:
    for count, across in ((1, 1), (2, 2), (3, 3), (4, 2), (5, 3), (13, 3)):
        layout = arrange([(1, 1, "kobest")] * count, ["base"])
        assert len({place[0] for place in layout.places}) == across


def test_long_names_are_broken_into_lines() -> None:
    assert max(map(len, wrap("retrieval (1 of 2; layer 7/12 deep, prefix query:)").splitlines())) <= 40
    assert wrap("the average by size of them", is_task=True).count("\n") == 1
