"""TokenTable: what every id of a tokenizer stands for, exactly and in bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vocabx.core.arrays import Bools, Ints, check_shape

__all__ = ["ROLES", "TokenKind", "TokenTable", "is_complete_utf8"]

ROLES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
"""Roles that a special token can have. One id may have several, and a tokenizer may lack some."""


class TokenKind(IntEnum):
    """What an id is for."""

    NORMAL = 0  # a piece of text
    BYTE = 1  # stands for one byte only (`<0x0A>`, or a byte of the byte-level alphabet)
    CONTROL = 2  # a special token: never produced from text
    ADDED = 3  # matched in text before everything else
    RESERVED = 4  # a slot kept free by the tokenizer's makers
    ABSENT = 5  # no token has this id: a hole, or a padding row of the matrix


def is_complete_utf8(surface: bytes) -> bool:
    """Whether the bytes are whole characters.

    >>> is_complete_utf8("한".encode()), is_complete_utf8("한".encode()[:2])
    (True, False)
    """
    try:
        surface.decode()
    except UnicodeDecodeError:
        return False
    return True


@dataclass(frozen=True)
class TokenTable:
    """Every id of a tokenizer, dense from 0.

    Attributes
    ----------
    pieces : tuple of str
        The tokenizer's own spelling of each id; the empty string where the id is absent. Length S.
    surfaces : tuple of bytes
        The exact bytes that each id adds to the text. They are the only key that does not collide and that
        different tokenizer families share. For WordPiece, whose white space is lost, the surface holds no space
        and `word_initial` tells ``the`` from ``##the``.
    kinds : ndarray of int8, shape (S,)
        A `TokenKind` per id.
    word_initial : ndarray of bool, shape (S,)
        Whether the token opens a word (it begins with white space, or in WordPiece lacks ``##``).
    roles : mapping of str to int
        Id of each role in `ROLES` that the tokenizer has.

    Notes
    -----
    The law that ties it to a tokenizer: joining the surfaces of an encoding gives the normalised text's bytes
    (without its white space for WordPiece), unless the vocabulary lacks a character or byte of the text: such a
    character becomes the unknown token or, in a BPE tokenizer without one, vanishes.
    """

    pieces: tuple[str, ...]
    surfaces: tuple[bytes, ...]
    kinds: NDArray[np.int8]
    word_initial: Bools
    roles: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_shape("kinds", self.kinds, len(self.pieces))
        check_shape("word_initial", self.word_initial, len(self.pieces))
        check_shape("surfaces", np.empty(len(self.surfaces)), len(self.pieces))

    def __len__(self) -> int:
        return len(self.pieces)

    @cached_property
    def is_text(self) -> Bools:
        """Ids that text can produce by segmentation: normal pieces and bytes, shape (S,)."""
        return np.asarray((self.kinds == TokenKind.NORMAL) | (self.kinds == TokenKind.BYTE))

    @cached_property
    def is_complete(self) -> Bools:
        """Ids whose surface is whole UTF-8 characters, shape (S,)."""
        return np.fromiter(map(is_complete_utf8, self.surfaces), np.bool_, len(self))

    @cached_property
    def surface_lengths(self) -> Ints:
        """Bytes in each surface, shape (S,)."""
        return np.fromiter(map(len, self.surfaces), np.int64, len(self))

    @cached_property
    def id_of_surface(self) -> Mapping[tuple[bytes, bool], int]:
        """(surface, word-initial) → lowest text id that has it; a normal piece wins over a byte."""
        order = sorted(np.flatnonzero(self.is_text), key=lambda i: (self.kinds[i], i))
        return {(self.surfaces[i], bool(self.word_initial[i])): int(i) for i in reversed(order)}

    def show(self, token: int) -> str:
        """Spell a token for people: its text with a visible space, or its bytes where they are no text."""
        surface = self.surfaces[token]
        if not self.is_text[token]:
            return self.pieces[token]
        if not is_complete_utf8(surface):
            return "".join(f"<0x{byte:02X}>" for byte in surface)
        return surface.decode().replace(" ", "␣")

    def select(self, ids: Sequence[int] | Ints) -> TokenTable:
        """Return the table of these ids only, renumbered from 0, without roles."""
        chosen = np.asarray(ids, dtype=np.int64)
        return TokenTable(
            pieces=tuple(self.pieces[i] for i in chosen),
            surfaces=tuple(self.surfaces[i] for i in chosen),
            kinds=self.kinds[chosen],
            word_initial=self.word_initial[chosen],
        )
