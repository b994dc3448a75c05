"""Align: a new token is made of the source tokens that stand in its place in text."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from vocabx.aligners.characters import CharacterPlaces
from vocabx.aligners.constituents import WEIGHTINGS
from vocabx.aligners.counts import normalise_rows, ranks
from vocabx.aligners.fallback import mean_where_empty
from vocabx.aligners.spans import TokenSizes, common_spans, lay_out
from vocabx.core.alignment import Alignment
from vocabx.core.arrays import Ints, Ragged
from vocabx.core.errors import InputError, UnknownNameError
from vocabx.core.transfer import Transfer

__all__ = ["Align"]

BYTES_PER_ID = 4

Sightings = Counter[tuple[int, bytes]]
"""How often a new token (its row) stood in the place of some source tokens (their ids, packed)."""


@dataclass(frozen=True)
class Align:
    """Read text with both tokenizers and weigh the source tokens that cover each occurrence of a new token.

    The heuristic of Yamaguchi et al. (2406.11477), with every occurrence counted: the source tokens of an occurrence
    are those in the smallest span around it that has boundaries of both segmentations. The row is the mean of each
    such group of tokens, weighted by how often the group was seen.

    Attributes
    ----------
    keep : int
        Groups of source tokens kept per new token, the most frequent; 0 keeps all.
    minimum_count : int
        How often a group must be seen; with 1 every one counts.
    weighting : str
        Weighting in a group: ``uniform``, ``length`` (by bytes), ``late``, ``early`` or ``first``. See `Constituents`.

    Notes
    -----
    Each row is convex.
    """

    keep: int = 20
    minimum_count: int = 1
    weighting: str = "uniform"

    def __post_init__(self) -> None:
        if self.weighting not in WEIGHTINGS:
            raise UnknownNameError("weighting", self.weighting, WEIGHTINGS)

    def align(self, transfer: Transfer) -> Alignment:
        """Return weights of N new tokens; evidence counts the occurrences that they rest on.

        Raises
        ------
        InputError
            When there is no text in the target language.
        """
        if transfer.materials.corpus is None:
            raise InputError("The method align reads text in the target language: give a corpus.")
        rows, groups, counts = self._chosen(_see(transfer))
        weights = self._weights(transfer, rows, groups, counts)
        evidence = np.bincount(rows, weights=counts, minlength=len(transfer.new_ids)).astype(np.int64)
        return mean_where_empty(weights, evidence, transfer.usable)

    def _chosen(self, seen: Sightings) -> tuple[Ints, Ragged, Ints]:
        """Return (row, source ids, count) of the most frequent groups of each row."""
        pairs = sorted((key, count) for key, count in seen.items() if count >= self.minimum_count)
        rows = np.fromiter((row for (row, _), _ in pairs), np.int64, len(pairs))
        counts = np.fromiter((count for _, count in pairs), np.int64, len(pairs))
        kept = np.flatnonzero(ranks(rows, counts) < self.keep) if self.keep > 0 else np.arange(len(pairs))
        packed = [pairs[place][0][1] for place in kept.tolist()]
        values = np.frombuffer(b"".join(packed), np.int32).astype(np.int64)
        sizes = np.fromiter(map(len, packed), np.int64, len(packed)) // BYTES_PER_ID
        return rows[kept], Ragged(values, np.concatenate([[0], np.cumsum(sizes)])), counts[kept]

    def _weights(self, transfer: Transfer, rows: Ints, groups: Ragged, counts: Ints) -> csr_array:
        sizes = groups.lengths
        left = np.arange(len(groups.values)) - groups.starts[:-1].repeat(sizes)
        right = sizes.repeat(sizes) - 1 - left
        lengths = transfer.source.tokens.surface_lengths[groups.values]
        weights = np.where(transfer.usable[groups.values], WEIGHTINGS[self.weighting](left, right, lengths), 0.0)
        totals = np.bincount(groups.row_of_value, weights=weights, minlength=len(groups))[groups.row_of_value]
        shares = np.divide(weights, totals, out=np.zeros_like(weights), where=totals > 0)
        shape = (len(transfer.new_ids), len(transfer.source.tokens))
        cells = (rows.repeat(sizes), groups.values)
        matrix = csr_array((shares * counts.repeat(sizes), cells), shape=shape)
        matrix.eliminate_zeros()
        return normalise_rows(matrix)


def _see(transfer: Transfer) -> Sightings:
    """Read the corpus with both tokenizers."""
    assert transfer.materials.corpus is not None
    row_of_token = np.full(len(transfer.target.tokens), -1, np.int64)
    row_of_token[transfer.new_ids] = np.arange(len(transfer.new_ids))
    source_sizes, target_sizes = TokenSizes.of(transfer.source.tokens), TokenSizes.of(transfer.target.tokens)
    characters = CharacterPlaces(transfer.source, transfer.target)
    seen, skipped = Sightings(), 0
    for lines in transfer.materials.corpus.batches():
        sides = [
            (transfer.source.segment_lines(lines), source_sizes),
            (transfer.target.segment_lines(lines), target_sizes),
        ]
        source, target, left_out = lay_out(sides[0], sides[1], lines, characters)
        skipped += left_out
        rows = row_of_token[target[0]]
        new = np.flatnonzero(rows >= 0)
        starts, stops = common_spans(source[1], target[1])
        packed = source[0].astype(np.int32).tobytes()
        places = zip(
            rows[new].tolist(), (starts[new] * BYTES_PER_ID).tolist(), (stops[new] * BYTES_PER_ID).tolist(), strict=True
        )
        seen.update((row, packed[start:stop]) for row, start, stop in places)
    if skipped:
        transfer.say(f"{skipped:,} lines were left out: a tokenizer cannot spell them, or sees another text.")
    return seen
