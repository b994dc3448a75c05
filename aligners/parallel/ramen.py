"""RAMEN: a new token is made of the source tokens that it is linked with as if both were words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.sparse import csr_array

from vocabx.aligners.counts import keep_heaviest, normalise_rows, ranks
from vocabx.aligners.fallback import mean_where_empty
from vocabx.aligners.parallel.linked_text import MOST_PAIRS, align_words, word_links
from vocabx.aligners.parallel.symmetrize import check_symmetrization
from vocabx.aligners.parallel.text import LinePairs, read_parallel
from vocabx.aligners.parallel.translations import count_translations
from vocabx.core.alignment import Alignment
from vocabx.core.arrays import Ragged
from vocabx.core.errors import InputError, UnknownNameError
from vocabx.core.segmenter import Segmenter
from vocabx.core.transfer import Transfer

__all__ = ["WEIGHINGS", "Ramen"]

LINES_PER_BATCH = 4096


def by_rank(counts: csr_array) -> csr_array:
    """Weigh the most frequent by 1, the next by 1/2, then 1/3 ..."""
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    return csr_array((1 / (1 + ranks(rows, counts.data)), counts.indices, counts.indptr), shape=counts.shape)


def by_sparsemax(counts: csr_array) -> csr_array:
    """Project the logarithms of the counts onto the simplex: what is rarer than the most frequent by e gets none.

    The k heaviest of the row get their logarithm less a threshold, for the largest k whose weights are all positive.
    """
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    order = np.lexsort((ranks(rows, counts.data), rows))
    logs = np.log(counts.data[order])
    starts = counts.indptr[:-1][rows]
    running = np.concatenate([[0.0], np.cumsum(logs)])
    place = np.arange(len(order)) - starts + 1
    sums = running[1:] - running[starts]
    supported = np.bincount(rows[1 + place * logs > sums], minlength=counts.shape[0])[rows]
    threshold = (running[starts + supported] - running[starts] - 1) / np.maximum(supported, 1)
    projected = csr_array((np.maximum(logs - threshold, 0), counts.indices[order], counts.indptr), shape=counts.shape)
    projected.eliminate_zeros()
    return projected


WEIGHINGS: Mapping[str, Callable[[csr_array], csr_array]] = MappingProxyType(
    {"count": lambda counts: counts, "rank": by_rank, "sparsemax": by_sparsemax}
)


@dataclass(frozen=True)
class Ramen:
    """Weights by how often a new token and a source token are linked, sub-word by sub-word (Tran 2020).

    Attributes
    ----------
    weighing : str
        How links weigh: ``count`` (by their number), ``rank`` or ``sparsemax``. ``rank``: 1, 1/2, 1/3 ... from
        the most frequent on. ``sparsemax``: the projection of the logarithms of the counts, which keeps few.
    keep : int
        Source tokens kept per new token, the most frequent; 0 keeps all.
    minimum_count : int
        Links that a new token and a source token must have.
    symmetrization : str
        How links of both directions join: ``intersection``, ``union`` or ``grow-diag-final-and``.
    pairs : int
        Pairs of lines used, evenly spread over the files; 0 uses all.

    Notes
    -----
    Each row is convex. Where a file of links between words is given, these are taken, and tokens at the same place of
    linked words count as linked.
    """

    weighing: str = "count"
    keep: int = 20
    minimum_count: int = 2
    symmetrization: str = "grow-diag-final-and"
    pairs: int = MOST_PAIRS

    def __post_init__(self) -> None:
        if self.weighing not in WEIGHINGS:
            raise UnknownNameError("weighing", self.weighing, WEIGHINGS)
        check_symmetrization(self.symmetrization)

    def align(self, transfer: Transfer) -> Alignment:
        """Return weights of N new tokens; evidence is the number of their links.

        Raises
        ------
        InputError
            When there is no parallel text, or it cannot be read.
        """
        parallel = transfer.materials.parallel
        if parallel is None:
            raise InputError("RAMEN reads translated lines: give the parallel text.")
        if parallel.links is None:
            counts = self._linked_tokens(transfer, read_parallel(parallel, self.pairs))
        else:
            text = word_links(parallel, transfer.say, most=self.pairs)
            counts = count_translations(transfer, text, whole_words=0).mass
        counts = csr_array(counts, copy=True)
        counts.data[counts.data < self.minimum_count] = 0
        counts = keep_heaviest(counts, self.keep)
        evidence = np.asarray(np.round(counts.sum(axis=1)), dtype=np.int64)
        return mean_where_empty(normalise_rows(WEIGHINGS[self.weighing](counts)), evidence, transfer.usable)

    def _linked_tokens(self, transfer: Transfer, pairs: LinePairs) -> csr_array:
        """Return how often each new token and each source token are linked, shape (N, S)."""
        source, target = _segment(transfer.source, pairs.source), _segment(transfer.target, pairs.target)
        links = align_words(source, target, self.symmetrization, transfer.say)
        line = np.repeat(np.arange(len(links)), [len(found) for found in links])
        positions = np.concatenate([np.empty((0, 2), np.int64), *links])
        left = source.values[source.starts[line] + positions[:, 0]]
        right = target.values[target.starts[line] + positions[:, 1]]
        shape = (len(transfer.target.tokens), len(transfer.source.tokens))
        kept = transfer.usable[left]
        counts = csr_array((np.ones(int(kept.sum())), (right[kept], left[kept])), shape=shape)
        return csr_array(counts[transfer.new_ids])


def _segment(segmenter: Segmenter, lines: list[str]) -> Ragged:
    batches = range(0, len(lines), LINES_PER_BATCH)
    parts = [segmenter.segment_lines(lines[first : first + LINES_PER_BATCH]).ids for first in batches]
    values = np.concatenate([part.values for part in parts])
    return Ragged(values, np.concatenate([[0], np.cumsum(np.concatenate([part.lengths for part in parts]))]))
