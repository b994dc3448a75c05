"""Where two segmentations of the same bytes have boundaries in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vocabx.aligners.characters import CharacterPlaces
from vocabx.core.arrays import Ints
from vocabx.core.segmenter import Segmentation
from vocabx.core.tokens import TokenTable

__all__ = ["Laid", "Side", "TokenSizes", "common_spans", "lay_out", "visible_sizes"]

Laid = tuple[Ints, Ints]
"""Token ids of many lines in a row, and the place where each ends, counted through all lines."""


def visible_sizes(texts: Sequence[bytes]) -> Ints:
    """Return how many bytes of each text are no white space.

    >>> visible_sizes([b" the", b"a b ", b""]).tolist()
    [3, 2, 0]
    """
    return np.fromiter((sum(map(len, text.split())) for text in texts), np.int64, len(texts))


@dataclass(frozen=True)
class TokenSizes:
    """Bytes of every token of a tokenizer, and those of them that are no white space; both shape (S,)."""

    bytes: Ints
    visible: Ints

    @classmethod
    def of(cls, tokens: TokenTable) -> TokenSizes:
        """Measure a table."""
        return cls(tokens.surface_lengths, visible_sizes(tokens.surfaces))


Side = tuple[Segmentation, TokenSizes]
"""Lines as one tokenizer cuts them, and the sizes of its tokens."""


def lay_out(
    source: Side, target: Side, lines: Sequence[str] = (), characters: CharacterPlaces | None = None
) -> tuple[Laid, Laid, int]:
    """Put both segmentations of the same lines on one scale.

    A line counts with all its bytes where both tokenizers see the same text. Where they differ in white space (a dummy
    prefix, a tokenizer that drops it), it counts without, and tokens of nothing else are left out. Where they differ
    in more (case, Unicode form) and `characters` are given, it counts in characters. Where that does not add up
    either, or a token does not stand for the bytes it was made of, the line is skipped.

    Returns
    -------
    source, target : (ndarray of int64, ndarray of int64)
        Ids and ends; both end at the same place in every line.
    skipped : int
        Lines left out.
    """
    sides = (source, target)
    texts = [segmentation.texts for segmentation, _ in sides]
    exact = np.fromiter(map(bytes.__eq__, *texts), np.bool_, len(texts[0]))
    for segmentation, sizes in sides:
        lengths = np.fromiter(map(len, segmentation.texts), np.int64, len(exact))
        exact &= _totals(segmentation, sizes.bytes) == lengths
    taken = [np.where(exact[s.ids.row_of_value], z.bytes[s.ids.values], z.visible[s.ids.values]) for s, z in sides]
    skipped = 0
    for line in np.flatnonzero(~exact).tolist():
        shown = [b"".join(side[line].split()) for side in texts]
        rows = [slice(*segmentation.ids.starts[line : line + 2]) for segmentation, _ in sides]
        ends = [np.cumsum(taken[side][rows[side]]) for side in (0, 1)]
        if shown[0] == shown[1] and all(_reaches(end, len(shown[0])) for end in ends):
            continue
        found = characters.of_line(lines[line], shown, ends) if characters else None
        if found is not None and found[0][-1:].tolist() != found[1][-1:].tolist():
            found = None  # one side saw nothing, as WordPiece does of a soft hyphen
        skipped += found is None
        for side in (0, 1):
            taken[side][rows[side]] = 0 if found is None else np.diff(found[side], prepend=0)
    return _lay(source, taken[0]), _lay(target, taken[1]), skipped


def common_spans(source_ends: Ints, target_ends: Ints) -> tuple[Ints, Ints]:
    """Return for each target token the source tokens that fill the smallest span with boundaries of both.

    No token crosses a boundary that both have, so each lies in exactly one such span. Linear in the number of tokens,
    but for a binary search.

    Parameters
    ----------
    source_ends, target_ends : ndarray of int64, shapes (n,) and (m,)
        Where tokens end, strictly ascending, with the same last place.

    Returns
    -------
    starts, stops : ndarray of int64, shape (m,)
        ``source_ends[starts[j]:stops[j]]`` are the ends of target token j's source tokens.

    Examples
    --------
    >>> starts, stops = common_spans(np.array([1, 3, 4]), np.array([2, 3, 4]))  # a|bc|d and ab|c|d
    >>> starts.tolist(), stops.tolist()
    ([0, 0, 2], [2, 2, 3])
    """
    common = np.intersect1d(source_ends, target_ends, assume_unique=True)
    stops = np.searchsorted(source_ends, common, side="right")
    span = np.searchsorted(common, target_ends, side="left")
    starts = np.concatenate([[0], stops[:-1]])
    return starts[span], stops[span]


def _totals(segmentation: Segmentation, sizes: Ints) -> Ints:
    ids = segmentation.ids
    ends = np.concatenate([[0], np.cumsum(sizes[ids.values])])
    return np.diff(ends[ids.starts])


def _reaches(ends: Ints, size: int) -> bool:
    return (int(ends[-1]) if len(ends) else 0) == size


def _lay(side: Side, taken: Ints) -> Laid:
    kept = taken > 0
    return side[0].ids.values[kept], np.cumsum(taken[kept])
