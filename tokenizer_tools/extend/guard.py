"""Guard: which new pieces would change the segmentation of source-language text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from vocabx.core.arrays import Bools, Ints, Ragged
from vocabx.tokenizer_tools.extend.selection import Selection
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.words import holds_scripts, split_words

__all__ = ["LIMITS", "Fires", "SourceSample", "Tradeoff", "count_uses", "find_fires", "read_sample", "token_gain"]

LIMITS = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 1.0)
"""Shares of changed lines that the trade-off is reported for."""


@dataclass(frozen=True)
class SourceSample:
    """Source-language text as distinct words.

    Attributes
    ----------
    words : tuple of str
        Native words without characters of scripts that are foreign to the source language: a line that quotes the
        new language is meant to change there.
    lines : csr_array, shape (lines, words)
        Non-zero where a line holds a word.
    """

    words: tuple[str, ...]
    lines: csr_array

    @property
    def size(self) -> int:
        """Number of lines."""
        return int(self.lines.shape[0])


@dataclass(frozen=True, slots=True)
class Tradeoff:
    """What a limit on changed source lines costs.

    `kept_gain` is the share of saved target-language tokens that stays, estimated from one segmentation of the
    corpus, in which a dropped piece saves nothing.
    """

    limit: float
    changed_lines: int
    dropped_roots: int
    kept_gain: float


@dataclass(frozen=True)
class Fires:
    """Root pieces (R of them) that fire on the sample.

    `lines` (lines, R) is non-zero where one fires; `gain` (N,) is what each new piece saves on the target text, and
    `needs` (N, R) says which of these roots it is made of.
    """

    roots: tuple[str, ...]
    lines: csr_array
    gain: NDArray[np.float64]
    needs: csr_array

    def changed_lines(self, kept: Bools) -> int:
        """Count the lines in which a kept root fires."""
        return int(((self.lines @ kept.astype(np.int64)) > 0).sum())

    @property
    def unseen_share(self) -> float:
        """Estimate the share of other lines in which a piece fires that never did here (Good and Turing).

        It is the number of roots that fire in one line only, by the number of lines.
        """
        touched = np.diff(self.lines.tocsc().indptr)
        return float((touched == 1).sum() / self.lines.shape[0])

    def keep(self, limit: float) -> Bools:
        """Choose the roots that stay, shape (R,): most gain per line first, while at most `limit` of lines change."""
        columns = self.lines.tocsc()
        touched = np.diff(columns.indptr)
        gain = self.needs.T @ self.gain
        budget = int(limit * self.lines.shape[0])
        kept = np.zeros(len(self.roots), np.bool_)
        changed = np.zeros(self.lines.shape[0], np.bool_)
        for root in np.lexsort((np.arange(len(self.roots)), -gain / touched)):
            lines = columns.indices[columns.indptr[root] : columns.indptr[root + 1]]
            more = int((~changed[lines]).sum())
            if more <= budget:
                budget -= more
                changed[lines] = True
                kept[root] = True
        return kept

    def tradeoffs(self) -> list[Tradeoff]:
        """Price the limits in `LIMITS`."""
        total = self.gain.sum()
        rows = []
        for limit in LIMITS:
            kept = self.keep(limit)
            survives = (self.needs @ (~kept).astype(np.int64)) == 0
            share = float(self.gain[survives].sum() / total) if total else 1.0
            rows.append(Tradeoff(limit, self.changed_lines(kept), int((~kept).sum()), share))
        return rows


def read_sample(segmenter: FastSegmenter, lines: Iterable[str], foreign: Sequence[str]) -> SourceSample:
    """Split source-language lines into distinct words and leave out the words of foreign scripts."""
    number_of: dict[str, int] = {}
    split = split_words(segmenter)
    rows = [[number_of.setdefault(word, len(number_of)) for word in split(line)] for line in lines]
    ragged = Ragged.from_rows(rows)
    ones = np.ones(len(ragged.values), np.int64)
    incidence = csr_array((ones, ragged.values, ragged.starts), shape=(len(rows), len(number_of)))
    words = tuple(number_of)
    kept = np.flatnonzero(~holds_scripts(words, foreign, segmenter.family))
    return SourceSample(tuple(words[i] for i in kept), csr_array(incidence.tocsc()[:, kept].tocsr()))


def token_gain(source_tokens: Ints, word_ids: Ragged, counts: Ints, new_ids: Ints) -> NDArray[np.float64]:
    """Count the source tokens that each new piece saves on words seen `counts` times, shape (N,).

    `source_tokens` (N,) says how many tokens the source makes of each piece.
    """
    return np.asarray(count_uses(word_ids, counts, new_ids) * np.maximum(source_tokens - 1, 1))


def count_uses(word_ids: Ragged, counts: Ints, wanted: Ints) -> NDArray[np.float64]:
    """Count how often each wanted id, given in ascending order, stands in words seen `counts` times."""
    place = np.searchsorted(wanted, word_ids.values)
    place[place == len(wanted)] = 0
    found = wanted[place] == word_ids.values if len(wanted) else np.zeros(len(place), np.bool_)
    weights = counts[word_ids.row_of_value[found]].astype(np.float64)
    return np.asarray(np.bincount(place[found], weights=weights, minlength=len(wanted)), np.float64)


def find_fires(
    sample: SourceSample, extended: FastSegmenter, new_ids: Ints, selection: Selection, gain: NDArray[np.float64]
) -> Fires | None:
    """Segment the sample with the extended tokenizer and trace new pieces back to their roots; None when it holds.

    Text changes exactly where a root fires: a merge of two source pieces. Dropping a root takes with it every piece
    made of it.
    """
    ids = extended.encode_words(sample.words)
    is_new = np.isin(ids.values, new_ids)
    if not is_new.any():
        return None
    pieces = np.searchsorted(new_ids, ids.values[is_new])
    roots = tuple(sorted(set().union(*(selection.roots[selection.pieces[i]] for i in np.unique(pieces)))))
    needs = _needs(selection, roots)
    words = csr_array(
        (np.ones(len(pieces), np.int64), (ids.row_of_value[is_new], pieces)),
        shape=(len(sample.words), len(selection.pieces)),
    )
    lines = csr_array(sample.lines @ words @ needs)
    lines.sort_indices()
    return Fires(roots, lines, gain, needs)


def _needs(selection: Selection, roots: Sequence[str]) -> csr_array:
    column = {root: i for i, root in enumerate(roots)}
    rows = [[column[r] for r in sorted(selection.roots[piece]) if r in column] for piece in selection.pieces]
    ragged = Ragged.from_rows(rows)
    ones: Ints = np.ones(len(ragged.values), np.int64)
    return csr_array((ones, ragged.values, ragged.starts), shape=(len(rows), len(roots)))
