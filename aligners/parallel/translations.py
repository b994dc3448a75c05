"""Count with which source tokens new tokens were linked in translated lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from vocabx.aligners.parallel.linked_text import LinkedText
from vocabx.aligners.parallel.words import TokensInWords, tokens_in_words
from vocabx.core.arrays import Ints
from vocabx.core.transfer import Transfer

__all__ = ["Translations", "count_translations"]

LINES_PER_BATCH = 4096


@dataclass(frozen=True)
class Translations:
    """What N new tokens were linked with.

    Attributes
    ----------
    mass : csr_array of float64, shape (N, S)
        How much of a new token's occurrences each source token stands for.
    counts : csr_array of int64, shape (N, S)
        In how many pairs of linked words both were.
    skipped : int
        Lines left out because a tokenizer changes them beyond recognition.
    """

    mass: csr_array
    counts: csr_array
    skipped: int


def count_translations(transfer: Transfer, text: LinkedText, whole_words: float) -> Translations:
    """Count new tokens and source tokens in linked words.

    Each occurrence of a new token in a linked word has mass 1. The share `whole_words` of it goes to all source tokens
    of the other word alike, the rest to those at the same place: token j of b covers the part from j/b to (j + 1)/b of
    its word, and source token i of a gets as much of it as lies between i/a and (i + 1)/a. Source tokens that are
    unusable are left out.
    """
    shape = (len(transfer.new_ids), len(transfer.source.tokens))
    row_of_token = np.full(len(transfer.target.tokens), -1, np.int64)
    row_of_token[transfer.new_ids] = np.arange(len(transfer.new_ids))
    mass, counts, skipped = csr_array(shape, dtype=np.float64), csr_array(shape, dtype=np.int64), 0
    for first in range(0, len(text), LINES_PER_BATCH):
        lines = slice(first, first + LINES_PER_BATCH)
        source = tokens_in_words(transfer.source, text.source_lines[lines], text.source_words[lines])
        target = tokens_in_words(transfer.target, text.target_lines[lines], text.target_words[lines])
        skipped += source.skipped + target.skipped
        rows, columns, shares, links = _cells(source, target, text.links[lines], whole_words)
        rows = row_of_token[rows]
        kept = (rows >= 0) & transfer.usable[columns]
        rows, columns, shares, links = rows[kept], columns[kept], shares[kept], links[kept]
        mass = csr_array(mass + csr_array((shares, (rows, columns)), shape=shape))
        # A token may come twice in a word; the pair of words still counts once.
        seen = np.unique((links * shape[0] + rows) * shape[1] + columns)
        rows, columns = seen // shape[1] % shape[0], seen % shape[1]
        counts = csr_array(counts + csr_array((np.ones(len(seen), np.int64), (rows, columns)), shape=shape))
    return Translations(mass, counts, skipped)


def _cells(
    source: TokensInWords, target: TokensInWords, links: list[Ints], whole_words: float
) -> tuple[Ints, Ints, NDArray[np.float64], Ints]:
    """Return (target token, source token, mass, link) of all pairs of tokens within linked words."""
    line = np.repeat(np.arange(len(links)), [len(found) for found in links])
    pairs = np.concatenate([np.empty((0, 2), np.int64), *links])
    left, right = source.first_words[line] + pairs[:, 0], target.first_words[line] + pairs[:, 1]
    a, b = source.tokens.lengths[left], target.tokens.lengths[right]
    link = np.repeat(np.arange(len(pairs)), a * b)
    place = np.arange(len(link)) - np.repeat(np.cumsum(a * b) - a * b, a * b)
    a, b = a[link], b[link]
    i, j = place % a, place // a
    overlap = np.minimum((i + 1) * b, (j + 1) * a) - np.maximum(i * b, j * a)
    shares = whole_words / a + (1 - whole_words) * np.maximum(overlap, 0) / a
    tokens = target.tokens.values[target.tokens.starts[right[link]] + j]
    return tokens, source.tokens.values[source.tokens.starts[left[link]] + i], shares, link
