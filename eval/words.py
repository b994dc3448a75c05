"""Words of a segmented text that are one token each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vocabx.core.arrays import Bools, Ints, Ragged
from vocabx.core.segmenter import Segmentation
from vocabx.core.tokens import TokenTable

__all__ = ["single_token_words"]

WHITE_SPACE = np.array([code for code in range(0x3001) if chr(code).isspace()], np.uint32)


@dataclass(frozen=True, slots=True)
class _Words:
    """Words as byte ranges; the lines of a batch follow each other without a gap, and there are W words."""

    begins: Ints  # (W,)
    ends: Ints  # (W,)
    line_ends: Ints  # (lines,) where each line ends


def single_token_words(segmentation: Segmentation, tokens: TokenTable) -> tuple[int, int]:
    """Count the words that are one token each.

    A word is a longest run of characters that are no white space, together with the space (U+0020) right before it,
    in the text as the tokenizer's normaliser left it. It counts when one token holds all of it: ``␣the`` does,
    ``␣`` + ``the`` does not, and in ``␣of␣the``, if that is one token, both words do.

    Where no surface of the table holds a space (WordPiece), a word begins with each token that opens one. These
    words are shorter: WordPiece takes punctuation for words.

    An unknown token is no token for a word, and hides how much text it stands for: tokens between two unknown ones of
    the same line have no known place and do not count either, except in WordPiece.

    Parameters
    ----------
    segmentation : Segmentation
        A batch of lines.
    tokens : TokenTable
        Of the tokenizer that made it.

    Returns
    -------
    words, single : int
        All words of the normalised text, and those that are one token.
    """
    if not any(b" " in tokens.surfaces[token] for token in np.flatnonzero(tokens.is_text)):
        return _count_by_flags(segmentation.ids, tokens)
    words = _words(segmentation.texts)
    begins, ends = _token_ranges(segmentation.ids, tokens, words.line_ends)
    # Words are in order and do not overlap, so those inside a token are the ones from the first that begins in it
    # to the last that ends in it. A token inside a word has its last before its first: -1.
    inside = np.searchsorted(words.ends, ends, side="right") - np.searchsorted(words.begins, begins)
    return len(words.begins), int(inside.clip(min=0).sum())


def _count_by_flags(ids: Ragged, tokens: TokenTable) -> tuple[int, int]:
    opens = tokens.word_initial[ids.values]
    opens[ids.starts[:-1][ids.lengths > 0]] = True
    is_single = opens & np.append(opens, True)[1:] & (ids.values != tokens.roles.get("unk", -1))
    return int(np.count_nonzero(opens)), int(np.count_nonzero(is_single))


def _words(texts: tuple[bytes, ...]) -> _Words:
    decoded = [text.decode() for text in texts]
    characters = np.frombuffer("".join(decoded).encode("utf-32-le"), np.uint32)
    starts = np.cumsum([0, *map(len, decoded)])
    is_space = np.isin(characters, WHITE_SPACE)
    byte_ends = np.concatenate([[0], np.cumsum(_utf8_widths(characters))])

    at_border = np.zeros(len(characters) + 1, np.bool_)
    at_border[starts] = True
    first = ~is_space & (at_border[:-1] | _shifted(is_space))
    last = ~is_space & (at_border[1:] | np.append(is_space[1:], True))
    after_space = _shifted(characters == ord(" ")) & ~at_border[:-1]
    return _Words(
        begins=(byte_ends[:-1] - after_space)[first],
        ends=byte_ends[1:][last],
        line_ends=byte_ends[starts[1:]],
    )


def _shifted(flags: Bools) -> Bools:
    return np.concatenate([[True], flags])[:-1]


def _utf8_widths(characters: NDArray[np.uint32]) -> Ints:
    return np.asarray(1 + (characters > 0x7F) + (characters > 0x7FF) + (characters > 0xFFFF), np.int64)


def _token_ranges(ids: Ragged, tokens: TokenTable, line_ends: Ints) -> tuple[Ints, Ints]:
    lengths = tokens.surface_lengths[ids.values]
    is_unknown = ids.values == tokens.roles.get("unk", -1)
    line = ids.row_of_value
    begins, line_lengths = _sums_before(lengths, ids)
    unknown_before, unknown_in_line = _sums_before(is_unknown, ids)
    unknown_after = unknown_in_line[line] - unknown_before - is_unknown

    line_begins = np.concatenate([[0], line_ends])[:-1]
    missing = line_ends - line_begins - line_lengths
    # Behind the last unknown token places are counted back from the line's end.
    begins += line_begins[line] + np.where(unknown_before > 0, missing[line], 0)
    is_placed = np.where(unknown_in_line[line] > 0, (unknown_before == 0) | (unknown_after == 0), missing[line] == 0)
    known = is_placed & ~is_unknown
    return begins[known], (begins + lengths)[known]


def _sums_before(values: Ints | Bools, rows: Ragged) -> tuple[Ints, Ints]:
    """Sum of the values left of each one in its row, and of each row."""
    sums = np.concatenate([[0], np.cumsum(values)])
    at_start = sums[rows.starts]
    return sums[:-1] - at_start[:-1][rows.row_of_value], np.diff(at_start)
