from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocabx.core.errors import InputError
from vocabx.eval.windows import Window, batches_of_windows, sliding_windows


@given(
    lengths=st.lists(st.integers(0, 40), max_size=5),
    window_and_stride=st.integers(2, 12).flatmap(lambda size: st.tuples(st.just(size), st.integers(1, size - 1))),
)
def test_every_token_but_the_first_is_predicted_once(lengths: list[int], window_and_stride: tuple[int, int]) -> None:
    window, stride = window_and_stride
    windows = sliding_windows(np.array(lengths, np.int64), window, stride)
    predicted = [(part.sequence, token) for part in windows for token in range(part.scored, part.end)]
    assert predicted == [(sequence, token) for sequence, length in enumerate(lengths) for token in range(1, length)]
    for part in windows:
        assert 2 <= len(part) <= window
        assert part.scored - part.begin == (1 if part.begin == 0 else window - stride)


def test_windows_overlap_by_what_the_stride_leaves() -> None:
    assert sliding_windows(np.array([10]), 6, 3) == [Window(0, 0, 1, 6), Window(0, 3, 6, 9), Window(0, 6, 9, 10)]


@pytest.mark.parametrize("stride", [0, 8, 9])
def test_a_stride_that_leaves_no_context_is_refused(stride: int) -> None:
    with pytest.raises(InputError, match=f"smaller than the window, but they are {stride} and 8"):
        sliding_windows(np.array([3]), 8, stride)


@given(lengths=st.lists(st.integers(1, 30), max_size=12), tokens=st.integers(1, 64))
def test_batches_hold_every_window_once_and_no_more_than_fits(lengths: list[int], tokens: int) -> None:
    windows = [Window(sequence, 0, 1, length) for sequence, length in enumerate(lengths)]
    batches = list(batches_of_windows(windows, tokens))
    assert sorted((part for batch in batches for part in batch), key=lambda part: part.sequence) == windows
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(map(len, batch)) <= tokens
