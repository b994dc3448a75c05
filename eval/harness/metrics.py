"""Metrics of answers: accuracy and macro-F1 of counts of labels, and what a constant answer gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vocabx.core.arrays import Ints

__all__ = ["Floor", "accuracies", "constant_floor", "count_confusions", "macro_f1", "macro_f1s"]

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Floor:
    """What the best constant answer gets."""

    accuracy: float
    macro_f1: float


def macro_f1(gold: Ints, predicted: Ints, choices: int) -> float:
    """Return the mean over labels of F1; a label that is neither gold nor predicted does not count.

    Parameters
    ----------
    gold, predicted : ndarray of int64, shape (items,)
        Labels from 0 to `choices` - 1.
    choices : int
        How many labels there are.
    """
    return float(macro_f1s(count_confusions(gold, predicted, choices, np.zeros_like(gold)))[0])


def constant_floor(gold: Ints, choices: int) -> Floor:
    """Return the best that one answer to everything gets, for each metric.

    >>> floor = constant_floor(np.repeat([0, 1], [645, 615]), 2)
    >>> round(floor.accuracy, 4), round(floor.macro_f1, 4)
    (0.5119, 0.3386)
    """
    answers = [np.full(len(gold), answer) for answer in range(choices)]
    return Floor(
        max(float(np.mean(gold == answer)) for answer in answers),
        max(macro_f1(gold, answer, choices) for answer in answers),
    )


def count_confusions(gold: Ints, predicted: Ints, choices: int, units: Ints) -> Ints:
    """Count how often each label was taken for each.

    Parameters
    ----------
    gold, predicted : ndarray of int64, shape (items,)
    choices : int
    units : ndarray of int64, shape (items,)
        The unit of each item, such as its premise; numbers from 0 on.

    Returns
    -------
    ndarray of int64, shape (units, choices, choices)
        Gold labels in rows; the sum over units is the confusion matrix.
    """
    count = int(units.max()) + 1
    cells = (units * choices + gold) * choices + predicted
    return np.bincount(cells, minlength=count * choices**2).reshape(count, choices, choices)


def accuracies(confusions: NDArray[Any]) -> Numbers:
    """Return the accuracy of confusion matrices; shape (matrices, choices, choices) to (matrices,)."""
    return np.asarray(np.trace(confusions, axis1=1, axis2=2) / confusions.sum(axis=(1, 2)), np.float64)


def macro_f1s(confusions: NDArray[Any]) -> Numbers:
    """Return macro-F1 of confusion matrices, gold in rows; shape (matrices, choices, choices) to (matrices,)."""
    right = np.diagonal(confusions, axis1=1, axis2=2)
    marked = confusions.sum(axis=1) + confusions.sum(axis=2)
    each = np.divide(2 * right, marked, out=np.zeros(right.shape), where=marked > 0)
    return np.asarray(each.sum(axis=1) / (marked > 0).sum(axis=1), np.float64)
