from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocabx.knee import LEAST_SAVING, doubling_savings, find_knee

SIZES = [1000, 2000, 4000, 8000, 16000]

curves = st.lists(st.integers(1, 10**6), min_size=2, max_size=12)


def test_the_knee_is_where_a_power_law_turns_flat() -> None:
    tokens = [1000, 800, 640, 630, 620]
    assert find_knee(SIZES, tokens) == 4000


def test_a_curve_that_still_falls_at_its_end_has_no_knee() -> None:
    assert find_knee(SIZES, [1000, 900, 810, 729, 656]) is None


def test_a_flat_curve_has_its_knee_at_its_smallest_size() -> None:
    assert find_knee(SIZES, [1000] * 5) == 1000


def test_a_late_step_that_pays_moves_the_knee_behind_it() -> None:
    assert find_knee(SIZES, [1000, 999, 998, 900, 899]) == 8000


def test_a_bump_saves_nothing_and_its_way_back_neither() -> None:
    assert doubling_savings(SIZES, [1000, 800, 900, 800, 800]).tolist() == pytest.approx([0.2, 0, 0, 0])
    assert find_knee(SIZES, [1000, 800, 900, 800, 800]) == 2000


def test_one_size_has_no_knee() -> None:
    assert find_knee([500], [7]) is None


def test_a_text_without_tokens_saves_nothing() -> None:
    assert doubling_savings([1, 2], [0, 0]).tolist() == [0]


@given(st.floats(0.01, 0.4), st.integers(2, 8))
def test_a_power_law_saves_the_same_at_every_step_of_any_width(saved: float, steps: int) -> None:
    sizes = np.cumsum([1000, *(100 * 3**i for i in range(steps))])
    tokens = 1e9 * (1 - saved) ** np.log2(sizes / sizes[0])
    assert doubling_savings(sizes.tolist(), tokens.tolist()) == pytest.approx(saved)


@given(curves, st.integers(2, 50))
def test_a_longer_text_of_the_same_kind_has_the_same_knee(tokens: list[int], times: int) -> None:
    sizes = [2**i for i in range(len(tokens))]
    assert find_knee(sizes, tokens) == find_knee(sizes, [times * count for count in tokens])


@given(curves)
def test_no_step_behind_the_knee_pays_and_the_one_before_it_does(tokens: list[int]) -> None:
    sizes = [2**i for i in range(len(tokens))]
    knee, saved = find_knee(sizes, tokens), doubling_savings(sizes, tokens)
    assert ((saved >= 0) & (saved < 1)).all()
    if knee is None:
        assert saved[-1] >= LEAST_SAVING
    else:
        place = sizes.index(knee)
        assert (saved[place:] < LEAST_SAVING).all()
        assert place == 0 or saved[place - 1] >= LEAST_SAVING


@given(curves)
def test_a_higher_bar_never_asks_for_more_tokens(tokens: list[int]) -> None:
    sizes = [2**i for i in range(len(tokens))]
    low, high = (find_knee(sizes, tokens, bar) or sizes[-1] * 2 for bar in (0.02, 0.2))
    assert high <= low
