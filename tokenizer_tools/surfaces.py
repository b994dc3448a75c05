"""Pieces and bytes: how each tokenizer family spells the bytes of a token."""

from __future__ import annotations

import re
from enum import Enum
from typing import Any

from vocabx.core.errors import InputError, TokenizerError

__all__ = [
    "Family",
    "check_control_token",
    "detect_family",
    "is_reserved",
    "join_pieces",
    "piece_to_surface",
    "surface_to_piece",
]

MARKER = "\u2581"  # ▁, which metaspace vocabularies write for a space
CONTINUATION = "##"
BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
CONTROL_TOKEN = re.compile(r"<[^<>\s]+>|\[[^\[\]\s]+\]")
RESERVED_PIECE = re.compile(r"<\|?reserved|\[unused\d+\]|<unused\d+>|<\|?extra_\d+|<\|?placeholder", re.IGNORECASE)


class Family(Enum):
    """How a vocabulary spells bytes."""

    BYTE_LEVEL = "byte-level BPE"  # every byte is one printable character
    METASPACE = "metaspace BPE"  # ▁ for a space, <0xNN> for bytes
    UNIGRAM = "Unigram"  # ▁ for a space, scores instead of merges
    WORDPIECE = "WordPiece"  # ## inside words, white space lost

    @property
    def marks_spaces(self) -> bool:
        """Whether ▁ stands for a space."""
        return self in (Family.METASPACE, Family.UNIGRAM)

    @property
    def has_merges(self) -> bool:
        """Whether a token is made by merging two others; in the other families a token is made of nothing."""
        return self in (Family.BYTE_LEVEL, Family.METASPACE)


def _byte_characters() -> dict[int, str]:
    """Map every byte to the printable character that GPT-2's byte-level alphabet gives it."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}


CHARACTER_OF_BYTE = _byte_characters()
# Latin-1 gives the first 256 code points their own value as a byte, so one translation decodes a whole string.
TO_LATIN = {ord(character): byte for byte, character in CHARACTER_OF_BYTE.items()}
TO_LATIN |= {code: 0xFFFD for code in range(256) if code not in TO_LATIN}  # no byte is spelt with these
FROM_LATIN = dict(CHARACTER_OF_BYTE)


def detect_family(definition: dict[str, Any]) -> Family:
    """Tell the family of a `tokenizer.json`, given as parsed JSON; raise `TokenizerError` for any other kind."""
    kind = definition["model"].get("type")
    stages = str(definition.get("pre_tokenizer")) + str(definition.get("decoder"))
    match kind:
        case "BPE" if definition["model"].get("end_of_word_suffix"):
            raise TokenizerError("A BPE tokenizer that marks the ends of words is not supported.")
        case "BPE":
            return Family.BYTE_LEVEL if "ByteLevel" in stages else Family.METASPACE
        case "Unigram":
            return Family.UNIGRAM
        case "WordPiece":
            return Family.WORDPIECE
    raise TokenizerError(f"A tokenizer of type {kind} is not supported; expected BPE, Unigram or WordPiece.")


def piece_to_surface(piece: str, family: Family) -> bytes:
    r"""Return the exact bytes that a piece adds to the text.

    >>> piece_to_surface("ĠìĤ¬ëŀĮ", Family.BYTE_LEVEL).decode()
    ' 사람'
    >>> piece_to_surface("<0xED>", Family.METASPACE)
    b'\xed'
    >>> piece_to_surface("##ing", Family.WORDPIECE)
    b'ing'
    """
    if family is Family.BYTE_LEVEL:
        try:
            return piece.translate(TO_LATIN).encode("latin-1")
        except UnicodeEncodeError:  # a piece outside the byte alphabet, such as an added token's text
            return piece.encode()
    if family is Family.WORDPIECE:
        return piece.removeprefix(CONTINUATION).encode()
    byte = BYTE_PIECE.fullmatch(piece)
    return bytes([int(byte[1], 16)]) if byte else piece.replace(MARKER, " ").encode()


def surface_to_piece(surface: bytes, family: Family) -> str:
    """Spell bytes as the vocabulary would; for `METASPACE` and `UNIGRAM` they must be whole characters.

    >>> surface_to_piece(" 사람".encode(), Family.BYTE_LEVEL)
    'ĠìĤ¬ëŀĮ'
    """
    if family is Family.BYTE_LEVEL:
        return surface.decode("latin-1").translate(FROM_LATIN)
    text = surface.decode()
    return text.replace(" ", MARKER) if family.marks_spaces else text


def join_pieces(left: str, right: str, family: Family) -> str:
    """Spell the piece that covers two neighbours.

    >>> join_pieces("play", "##ing", Family.WORDPIECE)
    'playing'
    """
    return left + (right.removeprefix(CONTINUATION) if family is Family.WORDPIECE else right)


def check_control_token(text: str) -> None:
    """Raise `InputError` for a token that is spelt like a word and not like ``<|name|>``, ``<name>`` or ``[NAME]``."""
    if not CONTROL_TOKEN.fullmatch(text):
        raise InputError(
            f"{text!r} is no control token, which is spelt like <|name|>, <name> or [NAME]. An added token is cut out "
            "of every text before segmentation, even from inside words ('cat' from 'concatenate'), so words are "
            "learned from a corpus instead."
        )


def is_reserved(piece: str) -> bool:
    """Tell whether a piece is a slot that the tokenizer's makers kept free.

    >>> is_reserved("<|reserved_special_token_7|>"), is_reserved("[unused12]"), is_reserved("<mask>")
    (True, True, False)
    """
    return RESERVED_PIECE.match(piece) is not None
