from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vocabx.core.arrays import Ragged
from vocabx.distillation.batches import make_batch
from vocabx.distillation.contexts import Contexts
from vocabx.distillation.pieces import OldPieces

SURFACES = (b"a", b"b", b"ab", b"bab", b"<", b">")
PIECES = OldPieces(
    Ragged.from_rows([[0], [1], [0, 1], [1, 0, 1], [4], [5]]), np.array([False, False, True, True, False, False])
)


def contexts(rows: Sequence[Sequence[int]]) -> Contexts:
    snippets = Ragged.from_rows(rows)
    return Contexts(snippets, PIECES.is_new[snippets.values])


@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=1, max_size=4), st.booleans())
def test_bytes_before_each_aligned_place_are_equal(rows: list[list[int]], around: bool) -> None:
    before, behind = ([4], [5]) if around else ([], [])
    batch = make_batch(contexts(rows), np.arange(len(rows)), PIECES, before, behind, padding=1)
    for number, ids in enumerate(rows):
        student = batch.student[number][batch.student_mask[number]].tolist()
        teacher = batch.teacher[number][batch.teacher_mask[number]].tolist()
        assert student == [*before, *ids, *behind]
        assert not set(teacher) & {2, 3}
        for place in range(len(student)):
            ours = b"".join(SURFACES[token] for token in student[: place + 1])
            theirs = b"".join(SURFACES[token] for token in teacher[: batch.places[number, place] + 1])
            assert ours == theirs


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8))
def test_text_is_compared_from_the_first_new_token_on_and_nothing_around_it(ids: list[int]) -> None:
    batch = make_batch(contexts([ids]), np.array([0]), PIECES, [4], [5])
    met = [any(token >= 2 for token in ids[: place + 1]) for place in range(len(ids))]
    assert batch.compared[0].tolist() == [False, *met, False]
    assert batch.drawn[0].tolist() == [False, *(token >= 2 for token in ids), False]


def test_shorter_rows_are_padded_behind_and_the_order_is_that_of_the_rows() -> None:
    batch = make_batch(contexts([[0, 1], [3]]), np.array([1, 0]), PIECES, padding=5)
    assert batch.student.tolist() == [[3, 5], [0, 1]]
    assert batch.teacher.tolist() == [[1, 0, 1], [0, 1, 5]]
    assert batch.student_mask.tolist() == [[True, False], [True, True]]
    assert not batch.compared[0, 1]
