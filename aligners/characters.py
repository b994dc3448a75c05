"""Places in a line that two tokenizers write in different bytes, counted in the characters of the line itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vocabx.core.arrays import Ints
from vocabx.core.segmenter import Segmenter

__all__ = ["CharacterPlaces"]

STRIDE = 1024
"""Places from one character to the next. A character is written in far fewer bytes than half of that."""


class CharacterPlaces:
    """Knows how two tokenizers write each character: in another case, decomposed, without its accent.

    Every character is normalised once, alone. Lines where that does not add up are not understood.
    """

    def __init__(self, source: Segmenter, target: Segmenter) -> None:
        self._segmenters = (source, target)
        self._known: dict[str, tuple[bytes, bytes]] = {}

    def of_line(self, line: str, texts: Sequence[bytes], ends: Sequence[Ints]) -> list[Ints] | None:
        """Return where the tokens of both sides end, or None where a side's text is not its characters in a row.

        Parameters
        ----------
        line : str
        texts : two of bytes
            What each tokenizer made of it, without white space.
        ends : two ndarrays of int64
            Where tokens end in these texts, in bytes.

        Returns
        -------
        list of two ndarrays of int64
            Ends within a character are the same place only where both write the character alike.
        """
        visible = "".join(line.split())
        self._learn(visible)
        written = [self._known[character] for character in visible]
        spelt = [b"".join(side) for side in zip(*written, strict=True)] or [b"", b""]
        if spelt != list(texts) or [int(end[-1]) if len(end) else 0 for end in ends] != [len(text) for text in texts]:
            return None
        is_alike = np.fromiter((left == right for left, right in written), np.bool_, len(written))
        places = []
        for side in (0, 1):
            sizes = np.fromiter((len(pair[side]) for pair in written), np.int64, len(written))
            stops = np.cumsum(sizes)
            character = np.searchsorted(stops, ends[side])
            inside = ends[side] - (stops - sizes)[character]
            # Odd places for one side and even ones for the other never meet.
            apart = 2 * inside + np.where(is_alike[character], 0, side)
            is_whole = inside == sizes[character]
            found = np.where(is_whole, (character + 1) * STRIDE, character * STRIDE + apart)
            found[ends[side] == len(texts[side])] = len(written) * STRIDE
            places.append(found)
        return places

    def _learn(self, text: str) -> None:
        unknown = sorted(set(text) - self._known.keys())
        if unknown:
            both = (segmenter.segment_lines(unknown).texts for segmenter in self._segmenters)
            for character, left, right in zip(unknown, *both, strict=True):
                self._known[character] = (b"".join(left.split()), b"".join(right.split()))
