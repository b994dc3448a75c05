"""Words of a line, and the word that each token of the line stands in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import regex

from vocabx.aligners.spans import visible_sizes
from vocabx.core.arrays import Ints, Ragged
from vocabx.core.segmenter import Segmenter

__all__ = ["TokensInWords", "find_words", "tokens_in_words", "word_ids"]

WORD = regex.compile(
    r"[\p{Han}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"  # scripts that leave no space between words: one by one
    r"\p{M}*|[\p{L}\p{M}\p{N}_--[\p{Han}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]]+(?:['’]\p{L}+)*|\S",
    regex.V1,
)


def find_words(line: str) -> list[str]:
    """Cut a line into words; every character that is no white space is in one.

    >>> find_words("Don't open os.path!")
    ["Don't", 'open', 'os', '.', 'path', '!']
    """
    return WORD.findall(line)


def word_ids(lines: Sequence[Sequence[str]]) -> Ragged:
    """Give every word an id, whatever its case, in the order in which words come."""
    known: dict[str, int] = {}
    return Ragged.from_rows([[known.setdefault(word.casefold(), len(known)) for word in words] for words in lines])


@dataclass(frozen=True)
class TokensInWords:
    """The tokens of each word, all lines in a row: word w has ``tokens.values[starts[w]:starts[w + 1]]``.

    Attributes
    ----------
    tokens : Ragged
        One row for each word of all lines; a word may have none.
    first_words : ndarray of int64, shape (lines,)
        The row of each line's first word.
    skipped : int
        Lines whose tokens do not spell their words, whose rows are empty.
    """

    tokens: Ragged
    first_words: Ints
    skipped: int


def tokens_in_words(segmenter: Segmenter, lines: Sequence[str], words: Sequence[Sequence[str]]) -> TokensInWords:
    """Segment lines and tell the tokens of each word.

    A token belongs to the word that its middle byte is in, so that one that crosses words is counted once. Bytes are
    counted without white space, after the tokenizer's normaliser, which is asked about every word: so it may write
    another case, decompose characters or drop the spaces.
    """
    segmentation = segmenter.segment_lines(lines)
    ids = segmentation.ids
    sizes = visible_sizes(segmenter.tokens.surfaces)[ids.values]
    word_sizes, flat = _word_sizes(segmenter, words)
    fits = _totals(sizes, ids) == _totals(word_sizes, flat)
    token_ends, word_ends = _ends(sizes, ids), _ends(word_sizes, flat)
    stride = int(max(token_ends.max(initial=0), word_ends.max(initial=0))) + 1
    middles = ids.row_of_value * stride + token_ends - 1 - sizes // 2
    kept = (sizes > 0) & fits[ids.row_of_value]
    owners = np.searchsorted(flat.row_of_value * stride + word_ends, middles[kept], side="right")
    counts = np.bincount(owners, minlength=len(flat.values))
    return TokensInWords(
        tokens=Ragged(ids.values[kept], np.concatenate([[0], np.cumsum(counts)])),
        first_words=flat.starts[:-1],
        skipped=int((~fits).sum()),
    )


def _word_sizes(segmenter: Segmenter, words: Sequence[Sequence[str]]) -> tuple[Ints, Ragged]:
    places: dict[str, int] = {}
    rows = Ragged.from_rows([[places.setdefault(word, len(places)) for word in line] for line in words])
    return visible_sizes(segmenter.segment_lines(list(places)).texts)[rows.values], rows


def _totals(sizes: Ints, rows: Ragged) -> Ints:
    return np.bincount(rows.row_of_value, weights=sizes, minlength=len(rows)).astype(np.int64)


def _ends(sizes: Ints, rows: Ragged) -> Ints:
    totals = np.concatenate([[0], np.cumsum(sizes)])
    return np.asarray(totals[1:] - totals[rows.starts[:-1]].repeat(rows.lengths))
