"""Segmenter: text or bytes in, ids out, whatever the tokenizer is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np

from vocabx.core.arrays import Ints, Ragged
from vocabx.core.tokens import TokenTable

__all__ = ["Segmentation", "Segmenter"]


@dataclass(frozen=True)
class Segmentation:
    """A batch of lines as ids.

    Attributes
    ----------
    ids : Ragged
        Token ids per line, no special tokens added.
    spell : callable
        Gives `texts`. It is called when they are asked for, because they take as long to make as the ids.
    """

    ids: Ragged
    spell: Callable[[], Sequence[bytes]] = field(repr=False, compare=False)

    @cached_property
    def texts(self) -> tuple[bytes, ...]:
        """What was segmented: each line after the tokenizer's normaliser and markers.

        The surfaces of a line's ids, joined, equal it (up to white space for WordPiece), unless the vocabulary cannot
        spell the line or a special token stands in it.
        """
        return tuple(self.spell())

    def byte_ends(self, tokens: TokenTable) -> Ints:
        """End of every token within its line in bytes, shape (tokens of all lines,)."""
        totals = np.concatenate([[0], tokens.surface_lengths[self.ids.values].cumsum()])
        return np.asarray(totals[1:] - totals[self.ids.starts[:-1]].repeat(self.ids.lengths))


class Segmenter(Protocol):
    """A tokenizer as the toolboxes see it."""

    @property
    def tokens(self) -> TokenTable:
        """The table of its ids."""

    @property
    def merges(self) -> Ints:
        """Ids of the left part, the right part and their join, merge by merge in order, shape (M, 3).

        Empty where the model is not made of merges.
        """

    def segment_lines(self, lines: Sequence[str]) -> Segmentation:
        """Encode lines of text through the whole pipeline, without special tokens."""

    def segment_surfaces(self, tokens: TokenTable) -> Ragged:
        """Encode the surface of every token of another table by the model alone.

        No normaliser, pre-tokenizer or dummy prefix takes part, so bytes that are no whole characters and pieces
        that carry a word marker are segmented as what they are.
        """
