"""A mark on a changed model: which vocabulary its rows belong to now.

A tokenizer of before would leave the new rows without tokens, as padding is, and the next change would take them over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from vocabx.core.errors import InputError
from vocabx.core.tokens import TokenTable

__all__ = ["MARK", "check_vocabulary", "vocabulary_mark"]

MARK = "_vocabx_vocabulary"
"""The attribute of the model; nothing of it is saved."""


def vocabulary_mark(tokens: TokenTable) -> tuple[int, bytes]:
    """Return how many tokens there are, and a checksum of them."""
    return len(tokens), _checksum(tokens.pieces)


def check_vocabulary(model: Any, tokens: TokenTable, rows: int) -> None:
    """Raise `InputError` where vocabx gave the model a vocabulary that this tokenizer does not begin with.

    Tokens that were added since come after it; a matrix with fewer rows was cut by others, and the mark says nothing.
    """
    count, checksum = getattr(model, MARK, (0, b""))
    if 0 < count <= rows and (len(tokens) < count or _checksum(tokens.pieces[:count]) != checksum):
        raise InputError(
            f"The rows of the model belong to a vocabulary of {count:,} tokens that vocabx gave it, and the tokenizer "
            f"of {len(tokens):,} is another one. Pass the tokenizer that the earlier change returned."
        )


def _checksum(pieces: Sequence[str | None]) -> bytes:
    return hashlib.blake2b("\0".join(piece or "" for piece in pieces).encode("utf-8", "surrogatepass")).digest()
