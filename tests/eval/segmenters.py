"""Small tokenizers of three families, slow and obvious."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vocabx.core.arrays import Ints, Ragged
from vocabx.core.segmenter import Segmentation
from vocabx.core.tokens import TokenTable

__all__ = ["LongestMatch", "WordPiece"]


def longest(surfaces: Sequence[tuple[bytes, int]], text: bytes) -> tuple[bytes, int] | None:
    """Return the longest surface that the text begins with, and its id."""
    return max((pair for pair in surfaces if pair[0] and text.startswith(pair[0])), default=None)


@dataclass(frozen=True)
class LongestMatch:
    """Takes the longest token each time; a character that none begins is unknown."""

    tokens: TokenTable
    prefix: str = ""

    @property
    def merges(self) -> Ints:
        """None."""
        return np.empty((0, 3), np.int64)

    def segment_lines(self, lines: Sequence[str]) -> Segmentation:
        """Encode each line after the prefix."""
        texts = tuple((self.prefix + line).encode() for line in lines)
        return Segmentation(Ragged.from_rows([self.ids(text) for text in texts]), lambda: texts)

    def segment_surfaces(self, tokens: TokenTable) -> Ragged:
        """Encode surfaces."""
        return Ragged.from_rows([self.ids(surface) for surface in tokens.surfaces])

    def ids(self, text: bytes) -> list[int]:
        """Encode bytes."""
        unknown = self.tokens.roles.get("unk")
        known = [(surface, id_) for id_, surface in enumerate(self.tokens.surfaces) if id_ != unknown]
        found = []
        while text:
            match longest(known, text):
                case None:
                    assert unknown is not None
                    found.append(unknown)
                    text = text.decode()[1:].encode()
                case surface, id_:
                    found.append(id_)
                    text = text[len(surface) :]
        return found


@dataclass(frozen=True)
class WordPiece:
    """Drops white space, lower-cases, takes the longest token each time; a word that ends in nothing is unknown."""

    tokens: TokenTable

    @property
    def merges(self) -> Ints:
        """None."""
        return np.empty((0, 3), np.int64)

    def segment_lines(self, lines: Sequence[str]) -> Segmentation:
        """Encode the words of each line."""
        texts = [line.lower() for line in lines]
        ids = [[id_ for word in text.split() for id_ in self.ids(word.encode())] for text in texts]
        return Segmentation(Ragged.from_rows(ids), lambda: [text.encode() for text in texts])

    def segment_surfaces(self, tokens: TokenTable) -> Ragged:
        """Encode surfaces."""
        return Ragged.from_rows([self.ids(surface) for surface in tokens.surfaces])

    def ids(self, word: bytes) -> list[int]:
        """Encode one word."""
        found: list[int] = []
        unknown = self.tokens.roles["unk"]
        while word:
            fitting = [
                (surface, id_)
                for id_, surface in enumerate(self.tokens.surfaces)
                if id_ != unknown and self.tokens.word_initial[id_] == (not found)
            ]
            best = longest(fitting, word)
            if best is None:
                return [unknown]
            found.append(best[1])
            word = word[len(best[0]) :]
        return found
