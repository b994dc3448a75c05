"""What is known of a model's output head before its new rows are made."""

from __future__ import annotations

from dataclasses import dataclass, field

from vocabx.checkpoint import Checkpoint
from vocabx.core.arrays import Matrix

__all__ = ["OutputHead"]


@dataclass(frozen=True)
class OutputHead:
    """The head's rows, None where they are those of the input or there is no head; and whether it has a bias."""

    rows: Matrix | None = field(default=None, repr=False)
    exists: bool = True
    has_bias: bool = False

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> OutputHead:
        """Look at a checkpoint; its rows stay mapped."""
        name = None if checkpoint.tied else checkpoint.head
        rows = None if name is None else checkpoint.matrix(name)
        return cls(rows, checkpoint.tied or name is not None, bool(checkpoint.biases))
