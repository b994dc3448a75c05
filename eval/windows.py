"""Windows: how documents longer than a model's context are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vocabx.core.arrays import Ints
from vocabx.core.errors import InputError

__all__ = ["Window", "batches_by_length", "batches_of_windows", "sliding_windows"]


@dataclass(frozen=True, slots=True)
class Window:
    """Tokens `begin` to `end` of one sequence, of which those from `scored` on are predicted here.

    `begin` < `scored`, because a token is predicted from the ones before it.
    """

    sequence: int
    begin: int
    scored: int
    end: int

    def __len__(self) -> int:
        return self.end - self.begin


def sliding_windows(lengths: Ints, window: int, stride: int) -> list[Window]:
    """Cover sequences so that every token but the first of each is predicted exactly once.

    Parameters
    ----------
    lengths : ndarray of shape (sequences,)
        Tokens in each sequence.
    window : int
        Tokens that are read at once.
    stride : int
        By how many tokens a window lies behind the one before it: after the first window a token is predicted from
        at least ``window - stride`` others.

    Examples
    --------
    >>> import numpy as np
    >>> [(part.begin, part.scored, part.end) for part in sliding_windows(np.array([10]), window=6, stride=3)]
    [(0, 1, 6), (3, 6, 9), (6, 9, 10)]
    """
    if not 0 < stride < window:
        raise InputError(
            f"The stride must be positive and smaller than the window, but they are {stride} and {window}."
        )
    return [
        Window(sequence, begin, begin + window - stride if begin else 1, min(begin + window, int(length)))
        for sequence, length in enumerate(lengths)
        for begin in range(0, max(1, int(length) - window + stride), stride)
        if length > 1
    ]


def batches_of_windows(windows: Sequence[Window], tokens: int) -> Iterator[list[Window]]:
    """Yield windows of like length together, longest first, at most `tokens` in a batch after padding, at least one."""
    lengths = np.fromiter(map(len, windows), np.int64, len(windows))
    for batch in batches_by_length(lengths, tokens):
        yield [windows[index] for index in batch.tolist()]


def batches_by_length(lengths: Ints, tokens: int) -> Iterator[Ints]:
    """Yield which sequences to read together: of like length, longest first, `tokens` at most or a single one.

    >>> import numpy as np
    >>> [batch.tolist() for batch in batches_by_length(np.array([2, 5, 3, 3]), 8)]
    [[1], [2, 3], [0]]
    """
    order = np.argsort(-lengths, kind="stable")
    first = 0
    while first < len(order):
        count = max(1, tokens // max(1, int(lengths[order[first]])))
        yield order[first : first + count]
        first += count
