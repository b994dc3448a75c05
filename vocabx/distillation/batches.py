"""Batches: the same snippets for the teacher, in old pieces, and for the student, with new tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vocabx.core.arrays import Bools, Ints
from vocabx.distillation.contexts import Contexts
from vocabx.distillation.pieces import OldPieces

__all__ = ["Batch", "make_batch"]


@dataclass(frozen=True)
class Batch:
    """Padded ids of B snippets, and which places of both sides belong together.

    Attributes
    ----------
    teacher, student : ndarray of int64, shapes (B, M) and (B, L)
        Ids, padded behind.
    teacher_mask, student_mask : ndarray of bool, of the same shapes
        What is no padding.
    places : ndarray of int64, shape (B, L)
        For each id of the student where the last of its old pieces stands in the teacher's row. So the bytes up to it
        are the same on both sides.
    drawn : ndarray of bool, shape (B, L)
        Where a row is trained.
    compared : ndarray of bool, shape (B, L)
        Text from the first new token on; before it both sides are the same.
    """

    teacher: Ints
    student: Ints
    teacher_mask: Bools
    student_mask: Bools
    places: Ints
    drawn: Bools
    compared: Bools


def make_batch(
    contexts: Contexts,
    rows: Ints,
    pieces: OldPieces,
    before: Sequence[int] = (),
    behind: Sequence[int] = (),
    padding: int = 0,
) -> Batch:
    """Lay some snippets beside each other; `before` and `behind` are ids that the tokenizer puts around a text."""
    snippets = [contexts.snippets[row] for row in rows.tolist()]
    drawn = [contexts.drawn[slice(*contexts.snippets.starts[row : row + 2])] for row in rows.tolist()]
    expanded = [pieces.expand(snippet) for snippet in snippets]
    first, rest = np.array(before, np.int64), np.array(behind, np.int64)
    teacher, teacher_mask = _pad([np.concatenate([first, old, rest]) for old, _ in expanded], padding)
    student, student_mask = _pad([np.concatenate([first, ids, rest]) for ids in snippets], padding)
    places, marked, compared = np.zeros_like(student), np.zeros_like(student_mask), np.zeros_like(student_mask)
    is_new = pieces.is_new
    for number, (ids, (old, last)) in enumerate(zip(snippets, expanded, strict=True)):
        begin, end = len(first), len(first) + len(ids)
        places[number, begin:end] = len(first) + last
        places[number, :begin] = np.arange(begin)
        places[number, end : end + len(rest)] = len(first) + len(old) + np.arange(len(rest))
        marked[number, begin:end] = drawn[number]
        compared[number, begin:end] = np.logical_or.accumulate(is_new[ids])
    return Batch(teacher, student, teacher_mask, student_mask, places, marked, compared)


def _pad(rows: Sequence[Ints], padding: int) -> tuple[Ints, Bools]:
    mask = np.arange(max(map(len, rows))) < np.array([len(row) for row in rows])[:, None]
    padded = np.full(mask.shape, padding)
    padded[mask] = np.concatenate(rows)
    return padded, mask
