"""Measure the new rows of a run beside the base's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from vocabx.core.alignment import Alignment, Origin
from vocabx.core.arrays import Bools, Floats, Matrix, row_blocks
from vocabx.core.initialization import Initialization, RowRule
from vocabx.diagnostics.diagnostics import Diagnostics, MatrixDiagnostics
from vocabx.diagnostics.loss import loss_bounds
from vocabx.diagnostics.summaries import RowSummary, WeightSummary
from vocabx.factorization import Factorized
from vocabx.ready_rows import GIVEN, ReadyRule, made_part

__all__ = ["measure"]

DRAWN = "drawn"
"""Beside the names of `Origin`: rows without weights."""
MOST_WEIGHTS = 1 << 21
"""Rules with more of them are measured on every k-th of their rows: thousands of wide rows say as much as all."""


def measure(
    initialization: Initialization,
    input_rows: Matrix,
    head_rows: Matrix | None,
    usable: Bools,
    frequencies: NDArray[Any] | None = None,
    *,
    predicts: bool = True,
    has_bias: bool = False,
    factorized: Factorized | None = None,
) -> Diagnostics:
    """Make new rows, in blocks, and sum them up beside the usable source rows.

    Every new row is made once, but of rules with millions of weights only some; all weights are looked at.

    Parameters
    ----------
    initialization : Initialization
        The rules of N rows.
    input_rows, head_rows : ndarray of shape (S', D), S' >= S
        The base's matrices in their stored type; `head_rows` is None where the head is tied to the input.
    usable : ndarray of bool, shape (S,)
    frequencies : ndarray of shape (S,), optional
        How often old text has each source token, in any unit.
    predicts, has_bias : bool
        Whether the model has an output head at all, and an output bias with it.
    factorized : Factorized, optional
        What becomes of all rows. Then new and source rows are measured as they are written, and there are no bounds:
        old text loses by its own rows too.

    Raises
    ------
    InputError
        If shapes do not fit or a frequency is negative.
    """
    output = initialization.input if head_rows is None else initialization.head
    # A bias that is made with other weights than the head takes the bounds' ground away.
    is_bounded = predicts and factorized is None and (not has_bias or initialization.bias is output)
    bound, estimate = loss_bounds(output, frequencies) if is_bounded else (None, None)
    of_input = _of_matrix("input", initialization.input, input_rows, usable, factorized)
    of_head = None if head_rows is None else _of_matrix("head", initialization.head, head_rows, usable, factorized)
    return Diagnostics(
        origins=_origins(initialization.input, of_input.new.rows),
        input=of_input,
        head=of_head,
        predicts=predicts,
        loss_bound=bound,
        loss_estimate=estimate,
    )


def _origins(rule: RowRule, rows: int) -> dict[str, int]:
    if isinstance(rule, ReadyRule):
        given = _given(rule)
        return {**_origins(made_part(rule), rows - given), GIVEN: given}
    if not isinstance(rule, Alignment):
        return {DRAWN: rows}
    counts = np.bincount(rule.origins, minlength=len(Origin))
    return {origin.name.lower(): int(counts[origin]) for origin in Origin}


def _given(rule: RowRule) -> int:
    return int(rule.given.sum()) if isinstance(rule, ReadyRule) else 0


def _of_matrix(
    name: str, rule: RowRule, matrix: Matrix, usable: Bools, factorized: Factorized | None
) -> MatrixDiagnostics:
    rows, made = matrix[: len(usable)], made_part(rule)

    def written(blocks: Iterable[Floats]) -> Iterable[Floats]:
        return blocks if factorized is None else factorized.project(name, blocks)

    outside = 1.0 if not isinstance(made, Alignment) else float((~made.is_convex).sum()) / max(1, len(made))
    return MatrixDiagnostics(
        weights=WeightSummary.of(made),
        outside=outside,
        new=RowSummary.of(written(_thinned(rule).blocks(rows))),
        source=RowSummary.of(written(_usable_blocks(rows, usable))),
        given=_given(rule),
    )


def _thinned(rule: RowRule) -> RowRule:
    if not isinstance(rule, Alignment) or rule.weights.nnz <= MOST_WEIGHTS:
        return rule
    kept = slice(None, None, -(-rule.weights.nnz // MOST_WEIGHTS))
    weights, shared_weights = csr_array(rule.weights[kept]), csr_array(rule.shared_weights[kept])
    return Alignment(weights, rule.shared, shared_weights, rule.origins[kept], rule.evidence[kept])


def _usable_blocks(rows: Matrix, usable: Bools) -> Iterator[Floats]:
    for start, block in row_blocks(rows):
        yield block[usable[start : start + len(block)]]
