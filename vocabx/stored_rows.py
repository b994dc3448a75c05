"""New rows as they are stored: made in float32, and rounded to the type of their matrix."""

from __future__ import annotations

import numpy as np

from vocabx.core.arrays import Matrix
from vocabx.core.errors import CheckpointError, InputError
from vocabx.core.initialization import RowRule

__all__ = ["stored_rows"]


def stored_rows(source: Matrix, rule: RowRule, count: int, dtype: np.dtype[np.generic] | None = None) -> Matrix:
    """Make `count` rows from the rows of one matrix, of its type or of another one.

    Parameters
    ----------
    source : ndarray of shape (S, D)
    rule : RowRule
    count : int
    dtype : dtype, optional
        By default the source's own.

    Returns
    -------
    ndarray of shape (count, D)

    Raises
    ------
    InputError
        When the rule makes another number of rows.
    CheckpointError
        When a row is not finite in that type.
    """
    dtype = dtype or source.dtype
    with np.errstate(over="ignore"):
        blocks = [np.ascontiguousarray(block, dtype) for block in rule.blocks(source)]
    rows: Matrix = np.concatenate([np.empty((0, source.shape[1]), dtype), *blocks])
    if len(rows) != count:
        raise InputError(f"The method made {len(rows)} new rows, and the plan needs {count}.")
    if not np.isfinite(rows).all():
        raise CheckpointError(
            f"A new row is not finite when stored as {dtype}. Use another method, or load the model in a wider type."
        )
    return rows
