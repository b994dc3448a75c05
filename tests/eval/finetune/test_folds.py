from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocabx.core.errors import InputError
from vocabx.eval.finetune.folds import assign_folds, premise_groups

PREMISES = st.integers(1, 40).flatmap(
    lambda rows: st.lists(
        st.lists(st.sampled_from("abcdefghijklmnop"), min_size=rows, max_size=rows), min_size=1, max_size=3
    )
)


@given(PREMISES)
def test_rows_have_one_number_exactly_where_shared_premises_link_them(languages: list[list[str]]) -> None:
    rows = len(languages[0])
    groups = list(range(rows))
    for _ in range(rows):
        for premises in languages:
            for one in range(rows):
                for other in range(rows):
                    if premises[one] == premises[other]:
                        groups[one] = groups[other] = min(groups[one], groups[other])
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    assert premise_groups(languages).tolist() == [numbers[group] for group in groups]


@given(PREMISES, st.integers(0, 99))
def test_no_premise_of_any_language_is_in_two_folds(languages: list[list[str]], seed: int) -> None:
    groups = premise_groups(languages)
    if groups.max() == 0:
        return
    folds = assign_folds(groups, 2, np.random.default_rng(seed))
    assert set(folds.tolist()) == {0, 1}
    for premises in languages:
        sides = [{premise for premise, fold in zip(premises, folds, strict=True) if fold == side} for side in (0, 1)]
        assert not sides[0] & sides[1]


def test_white_space_makes_no_other_premise() -> None:
    assert premise_groups([["a b", " a  b ", "ab"]]).tolist() == [0, 0, 1]


@given(st.integers(2, 60), st.integers(0, 9))
def test_folds_differ_by_one_group_at_most(groups: int, seed: int) -> None:
    folds = min(groups, 5)
    sizes = np.bincount(assign_folds(np.arange(groups), folds, np.random.default_rng(seed)))
    assert len(sizes) == folds
    assert sizes.max() - sizes.min() <= 1


def test_the_seed_decides_the_folds() -> None:
    once, again, other = (assign_folds(np.arange(30), 3, np.random.default_rng(seed)).tolist() for seed in (0, 0, 1))
    assert once == again != other


@pytest.mark.parametrize("folds", [1, 4])
def test_folds_that_cannot_be_made_are_refused(folds: int) -> None:
    with pytest.raises(InputError, match=f"{folds} folds cannot be made of 3 different premises"):
        assign_folds(np.arange(3), folds, np.random.default_rng(0))
