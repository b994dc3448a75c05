"""The knee of a size curve: where more tokens stop to pay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST_SAVING", "doubling_savings", "find_knee"]

LEAST_SAVING = 0.05
"""A doubling of the new tokens must save this share of a text's tokens to be worth its rows."""


def doubling_savings(sizes: Sequence[int], tokens: Sequence[int]) -> NDArray[np.float64]:
    """Return the share of the tokens that each step saves, as if it were one doubling, shape (sizes - 1,).

    A step from size a to size b that leaves a share r of the tokens would leave ``r ** (1 / log2(b / a))`` of them if
    it were a doubling. A size that takes more tokens than a smaller one counts as that one, so no share is negative.

    >>> doubling_savings([1000, 2000, 8000], [100, 90, 40]).round(3).tolist()
    [0.1, 0.333]
    """
    falling = np.minimum.accumulate(np.asarray(tokens, np.float64))
    left = np.divide(falling[1:], falling[:-1], out=np.ones(len(falling) - 1), where=falling[:-1] > 0)
    steps = np.diff(np.log2(np.asarray(sizes, np.float64)))
    return np.asarray(1 - left ** (1 / steps))


def find_knee(sizes: Sequence[int], tokens: Sequence[int], least_saving: float = LEAST_SAVING) -> int | None:
    """Return the smallest size from which on no step saves `least_saving` per doubling; None where the last one does.

    The rule looks at ratios only, so it does not depend on the text's length or on what tokens are counted by, and a
    larger range of sizes moves the knee only if it shows a step that pays. The farthest point from the chord (Satopää
    et al. 2011) moves with the range whatever the steps save.

    Parameters
    ----------
    sizes : sequence of int
        Ascending and positive.
    tokens : sequence of int
        What a text takes at each.

    >>> find_knee([1000, 2000, 4000, 8000], [100, 80, 79, 78])
    2000
    >>> find_knee([1000, 2000, 4000, 8000], [100, 90, 81, 73]) is None
    True
    """
    pays = np.flatnonzero(doubling_savings(sizes, tokens) >= least_saving)
    knee = int(pays[-1]) + 1 if len(pays) else 0
    return None if knee == len(sizes) - 1 else int(sizes[knee])
