"""Rows from aligners: weights over source rows, the same for every matrix or one set for each."""

from __future__ import annotations

from dataclasses import dataclass

from vocabx.aligners.constituents import Constituents
from vocabx.core.alignment import Aligner
from vocabx.core.arrays import Bools
from vocabx.core.initialization import Initialization
from vocabx.core.segmenter import Segmenter
from vocabx.core.tokens import TokenTable

__all__ = ["Aligned", "ConstituentRows"]


@dataclass(frozen=True)
class Aligned:
    """Any aligner as an initializer; `head` serves the output head and its bias, `input` all of them without it."""

    input: Aligner
    head: Aligner | None = None

    def initialize(self, source: Segmenter, new: TokenTable, usable: Bools, seed: int) -> Initialization:
        """Return the alignment; nothing is drawn, so the seed has no effect."""
        rows = self.input.align(source, new, usable)
        if self.head is None:
            return Initialization.shared(rows)
        head = self.head.align(source, new, usable)
        return Initialization(rows, head, head)


@dataclass(frozen=True)
class ConstituentRows:
    """Constituents with a weighting for the input and, where it differs, one for the head."""

    input: str = "uniform"
    head: str | None = None

    def initialize(self, source: Segmenter, new: TokenTable, usable: Bools, seed: int) -> Initialization:
        """Return the alignment; nothing is drawn, so the seed has no effect."""
        head = None if self.head is None else Constituents(self.head)
        return Aligned(Constituents(self.input), head).initialize(source, new, usable, seed)
