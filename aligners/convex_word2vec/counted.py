"""Counted: the tokens of a text as types, and which of them stand near each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from vocabx.aligners.convex_word2vec.pairs import count_pairs
from vocabx.core.arrays import Ints, Ragged
from vocabx.core.transfer import Transfer

__all__ = ["Counted"]

LINES_AT_ONCE = 8192
LINES_PER_PART = 64
"""Lines that are held out together: neighbours may be made of the same text."""


@dataclass(frozen=True)
class Counted:
    """Counts over types: the new tokens that occur (rows of the N), then the source tokens that occur.

    `counts` holds the pairs of the training lines and of those held out.
    """

    new: Ints
    sources: Ints
    frequencies: Ints
    counts: tuple[csr_array, csr_array]

    @classmethod
    def of(cls, transfer: Transfer, lines: Sequence[str], window: int, held_out: float) -> Counted:
        """Segment lines and count, with some of the lines held out."""
        rows = Ragged.from_rows(list(_segment(transfer, lines)))
        known, frequencies = np.unique(rows.values[rows.values >= 0], return_counts=True)
        number = np.full(len(transfer.new_ids) + len(transfer.usable) + 1, -1, np.int64)  # the last one is for -1
        number[known] = np.arange(len(known))
        types = number[rows.values]
        parts = transfer.generator(4).random(-(-len(rows) // LINES_PER_PART)) < held_out
        if len(parts) > 1 and not parts.any():
            parts[-1] = True
        is_held_out = np.repeat(np.repeat(parts, LINES_PER_PART)[: len(rows)], rows.lengths)
        counts = [
            count_pairs(Ragged(np.where(chosen, types, -1), rows.starts), len(known), window)
            for chosen in (~is_held_out, is_held_out)
        ]
        new = len(transfer.new_ids)
        return cls(known[known < new], known[known >= new] - new, frequencies, (counts[0], counts[1]))

    @property
    def evidence(self) -> Ints:
        """Pairs of each new token that occurs."""
        return np.asarray(self.counts[0].sum(axis=1))[: len(self.new)].astype(np.int64)

    def source_frequencies(self, source_tokens: int) -> Ints:
        """How often each source token occurs, shape (S,)."""
        found = np.zeros(source_tokens, np.int64)
        found[self.sources] = self.frequencies[len(self.new) :]
        return found

    def source_pairs(self, source_tokens: int) -> Iterator[csr_array]:
        """Yield the pairs of source tokens of the training lines and of those held out, shape (S, S)."""
        for counts in self.counts:
            pairs = counts[len(self.new) :, len(self.new) :].tocoo()
            row, column = (self.sources[axis] for axis in pairs.coords)
            yield csr_array((pairs.data, (row, column)), shape=(source_tokens, source_tokens))


def _segment(transfer: Transfer, lines: Sequence[str]) -> Iterator[list[int]]:
    """Yield each line's tokens: rows of new tokens, then N + source ids, and -1 for what has no row."""
    kinds = np.where(transfer.shared >= 0, transfer.shared + len(transfer.new_ids), -1)
    kinds[transfer.new_ids] = np.arange(len(transfer.new_ids))
    for start in range(0, len(lines), LINES_AT_ONCE):
        ids = transfer.target.segment_lines(lines[start : start + LINES_AT_ONCE]).ids
        values = kinds[ids.values]
        yield from (values[ids.starts[row] : ids.starts[row + 1]].tolist() for row in range(len(ids)))
