from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vocabx.aligners.parallel.symmetrize import symmetrize
from vocabx.core.arrays import Ragged
from vocabx.core.errors import UnknownNameError

STRAIGHT_THEN_DIAGONAL = [(-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)]


@st.composite
def directions(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """For each target word a source word or -1, and the reverse."""
    m, n = draw(st.integers(0, 7)), draw(st.integers(0, 7))
    forward = draw(st.lists(st.integers(-1, m - 1), min_size=n, max_size=n))
    return forward, draw(st.lists(st.integers(-1, n - 1), min_size=m, max_size=m))


def tables(forward: list[int], backward: list[int]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    there, back = np.zeros((2, len(backward), len(forward)), np.bool_)
    for j, i in enumerate(forward):
        if i >= 0:
            there[i, j] = True
    for i, j in enumerate(backward):
        if j >= 0:
            back[i, j] = True
    return there, back


def dense(there: NDArray[np.bool_], back: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Grow-diag-final-and on a table, scanned row by row, round by round."""
    links = there & back
    visited = np.zeros_like(links)
    while (links & ~visited).any():
        now = links & ~visited
        for i, j in zip(*np.nonzero(now), strict=True):
            for down, right in STRAIGHT_THEN_DIAGONAL:
                k, n = i + down, j + right
                if 0 <= k < links.shape[0] and 0 <= n < links.shape[1] and (there | back)[k, n]:
                    links[k, n] |= not (links[k].any() and links[:, n].any())
        visited |= now
    for table in (there, back):
        for i, j in zip(*np.nonzero(table), strict=True):
            if not links[i].any() and not links[:, j].any():
                links[i, j] = True
    return links


def found(forward: list[int], backward: list[int], how: str) -> NDArray[np.bool_]:
    links = np.zeros((len(backward), len(forward)), np.bool_)
    pairs = symmetrize(Ragged.from_rows([forward]), Ragged.from_rows([backward]), how)[0]
    assert pairs.tolist() == sorted(pairs.tolist())
    links[pairs[:, 0], pairs[:, 1]] = True
    return links


@given(directions())
def test_each_way_is_what_tables_give(both: tuple[list[int], list[int]]) -> None:
    there, back = tables(*both)
    assert (found(*both, "intersection") == (there & back)).all()
    assert (found(*both, "union") == (there | back)).all()
    assert (found(*both, "grow-diag-final-and") == dense(there, back)).all()


@given(directions())
def test_growing_lies_between_the_intersection_and_the_union(both: tuple[list[int], list[int]]) -> None:
    there, back = tables(*both)
    links = found(*both, "grow-diag-final-and")
    assert (links >= (there & back)).all()
    assert (links <= (there | back)).all()


def test_growing_takes_in_neighbours_but_no_second_link_of_two_linked_words() -> None:
    forward, backward = [0, 0, 2, -1], [0, 3, 2]
    # 0-0 and 2-2 are in both; 0-1 touches 0-0 and its target is free; 1-3 touches 2-2 and both its words are free
    assert np.argwhere(found(forward, backward, "grow-diag-final-and")).tolist() == [[0, 0], [0, 1], [1, 3], [2, 2]]


def test_every_line_is_joined_by_itself() -> None:
    links = symmetrize(Ragged.from_rows([[0], [], [1]]), Ragged.from_rows([[0], [], [-1, 0]]))
    assert [found.tolist() for found in links] == [[[0, 0]], [], [[1, 0]]]


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'intersection'"):
        symmetrize(Ragged.from_rows([]), Ragged.from_rows([]), "intersect")
