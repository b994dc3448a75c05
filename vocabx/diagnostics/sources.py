"""Source rows that are not finite: what is made of them is refused, and the others are told of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vocabx.core.arrays import Ints, Matrix, not_finite
from vocabx.core.errors import CheckpointError
from vocabx.core.initialization import Initialization, RowRule
from vocabx.core.transfer import Transfer
from vocabx.diagnostics.diagnostics import Diagnostics

__all__ = ["source_warnings"]

MOST_IDS = 5


def source_warnings(
    initialization: Initialization, transfer: Transfer, head_rows: Matrix | None, diagnostics: Diagnostics
) -> Iterator[str]:
    """Name the base's rows that are not finite, a sentence for each matrix that has some.

    Input rows that are not usable were told apart when the matrix was read; only these are looked at again. Head rows
    are looked at where fewer have a direction than are usable.

    Raises
    ------
    CheckpointError
        When a new row would be made of one.
    """
    usable = transfer.usable
    if transfer.input_rows is not None:
        broken = not_finite(transfer.input_rows, np.flatnonzero(~usable))
        yield from _told("input", initialization.input, transfer.input_rows, broken)
    head = diagnostics.head
    if head_rows is not None and head is not None and head.source.rows < usable.sum():
        broken = not_finite(head_rows, np.flatnonzero(usable))
        yield from _told("head", initialization.head, head_rows, broken)


def _told(name: str, rule: RowRule, matrix: Matrix, broken: Ints) -> Iterator[str]:
    if not len(broken):
        return
    named = ", ".join(map(str, broken[:MOST_IDS])) + (" and so on" if len(broken) > MOST_IDS else "")
    if not all(np.isfinite(block).all() for block in rule.blocks(matrix)):
        raise CheckpointError(
            f"{len(broken):,} of the base's {name} rows are not finite (NaN or infinite), and new rows would be made "
            f"of them: ids {named}. Download the base again, or mend these rows first."
        )
    yield (
        f"{len(broken):,} of the base's {name} rows are not finite (NaN or infinite): ids {named}. No new row is made "
        "of them and they stay as they are, but the model gives nothing of use for these tokens; download it again."
    )
