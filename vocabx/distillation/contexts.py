"""Contexts: snippets of a text in which new tokens stand, drawn in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vocabx.core.arrays import Bools, Ints, Ragged
from vocabx.core.segmenter import Segmenter
from vocabx.distillation.pieces import OldPieces

__all__ = ["ContextSampler", "Contexts"]

Keys = NDArray[np.float64]


@dataclass(frozen=True)
class Contexts:
    """Snippets, in random order, and which tokens were drawn with them.

    Attributes
    ----------
    snippets : Ragged
        Ids of the extended tokenizer.
    drawn : ndarray of bool, shape (ids of all snippets,)
        Whether this snippet is one of the contexts of the token that stands there.
    """

    snippets: Ragged
    drawn: Bools

    def __len__(self) -> int:
        return len(self.snippets)

    def counts(self, tokens: int) -> Ints:
        """Return how many contexts each of `tokens` ids has, shape (T,)."""
        places = self.snippets.row_of_value[self.drawn] * tokens + self.snippets.values[self.drawn]
        return np.bincount(np.unique(places) % tokens, minlength=tokens)

    def tokens(self) -> Ints:
        """Return the ids that have a context, ascending."""
        return np.unique(self.snippets.values[self.drawn])


@dataclass
class ContextSampler:
    """Draws up to `most` contexts for each wanted token, each of its snippets as likely as any other.

    A snippet is a stretch of a line that ends with the token in which the base's pieces fill `size`, so that it is
    about as long for the old tokenizer whatever the new one saves.

    Each snippet gets one random number, and a token keeps the snippets of the smallest numbers that it has met: a
    uniform sample without replacement, in one pass and in memory for twice N x `most` snippets at the worst. Because
    all tokens of a snippet share its number, they choose the same snippets where they can, and few have to be read.
    """

    segmenter: Segmenter
    pieces: OldPieces
    wanted: Bools
    most: int
    size: int
    seed: int = 0
    _snippets: Ragged = field(init=False, repr=False)
    _keys: Keys = field(init=False, repr=False)
    _met: list[tuple[Ragged, Keys]] = field(init=False, repr=False, default_factory=list)

    def __post_init__(self) -> None:
        self._generator = np.random.default_rng(self.seed)
        self._snippets, self._keys = Ragged.from_rows([]), np.empty(0)
        self._limits = np.full(len(self.wanted), np.inf)

    def add(self, lines: Sequence[str]) -> None:
        """Meet some lines."""
        snippets = cut_snippets(self.segmenter.segment_lines(lines).ids, self.pieces, self.size)
        self._met.append((snippets, self._generator.random(len(snippets))))
        # Each choice looks at all that was kept, so it waits until there is as much to choose from again.
        if sum(len(met) for met, _ in self._met) > len(self._snippets):
            self._choose()

    def add_all(self, batches: Iterable[Sequence[str]]) -> ContextSampler:
        """Meet all lines of a corpus."""
        for lines in batches:
            self.add(lines)
        return self

    def _choose(self) -> None:
        """Keep of all snippets those that a token still wants."""
        snippets = _joined([self._snippets, *(met for met, _ in self._met)])
        keys = np.concatenate([self._keys, *(drawn for _, drawn in self._met)])
        self._met.clear()
        row, token = snippets.row_of_value, snippets.values
        is_close = self.wanted[token] & (keys[row] <= self._limits[token])
        pairs = np.unique(token[is_close] * np.int64(len(snippets)) + row[is_close])
        tokens, rows = np.divmod(pairs, len(snippets)) if len(pairs) else (pairs, pairs)
        order = np.lexsort((keys[rows], tokens))
        tokens, rows = tokens[order], rows[order]
        rank = np.arange(len(tokens)) - np.searchsorted(tokens, tokens)
        kept = np.unique(rows[rank < self.most])
        last = rank == self.most - 1
        self._limits[tokens[last]] = keys[rows[last]]
        self._snippets, self._keys = _selected(snippets, kept), keys[kept]

    def contexts(self, limit: int | None = None) -> Contexts:
        """Return what was drawn, in no more than `limit` snippets if that is given.

        The order is random, and the same for the same lines and seed; fewer snippets are the first of more.
        """
        self._choose()
        order = np.argsort(self._keys, kind="stable")[:limit]
        snippets, keys = _selected(self._snippets, order), self._keys[order]
        tokens = snippets.values
        return Contexts(snippets, self.wanted[tokens] & (keys[snippets.row_of_value] <= self._limits[tokens]))


def cut_snippets(lines: Ragged, pieces: OldPieces, size: int) -> Ragged:
    """Cut lines where their old pieces fill a multiple of `size`; parts with a token of unknown pieces are left out.

    >>> old = OldPieces(Ragged.from_rows([[0], [0, 0, 0]]), np.array([False, True]))
    >>> cut = cut_snippets(Ragged.from_rows([[0, 1, 0], [0]]), old, 2)
    >>> [cut[row].tolist() for row in range(len(cut))]
    [[0], [1], [0], [0]]
    """
    lengths = pieces.lengths[lines.values]
    totals = np.concatenate([[0], np.cumsum(lengths)])
    begins = totals[:-1] - np.repeat(totals[lines.starts[:-1]], lines.lengths)
    window = np.where(lengths > 0, (begins + lengths - 1) // size, -1)
    row = lines.row_of_value
    is_first = np.ones(len(row), np.bool_)
    is_first[1:] = (np.diff(row) != 0) | (np.diff(window) != 0)
    starts = np.append(np.flatnonzero(is_first), len(row))
    cut = Ragged(lines.values, starts)
    is_known = np.bincount(cut.row_of_value, weights=lengths == 0, minlength=len(cut)) == 0
    return _selected(cut, np.flatnonzero(is_known))


def _selected(ragged: Ragged, rows: Ints) -> Ragged:
    lengths = ragged.lengths[rows]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    within = np.arange(int(starts[-1])) - np.repeat(starts[:-1], lengths)
    return Ragged(ragged.values[np.repeat(ragged.starts[rows], lengths) + within], starts)


def _joined(parts: Sequence[Ragged]) -> Ragged:
    lengths = np.concatenate([part.lengths for part in parts])
    return Ragged(np.concatenate([part.values for part in parts]), np.concatenate([[0], np.cumsum(lengths)]))
