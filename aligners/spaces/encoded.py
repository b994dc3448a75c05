"""Encoded: any function that gives vectors to texts, such as a sentence encoder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vocabx.aligners.space import TokenVectors
from vocabx.aligners.spaces.shared import require_shared
from vocabx.aligners.spaces.token_vectors import text_of_tokens
from vocabx.core.arrays import Floats
from vocabx.core.errors import InputError
from vocabx.core.transfer import Encoder, Transfer

__all__ = ["Encoded"]


@dataclass(frozen=True)
class Encoded:
    """Give a token the vector that an encoder gives its text, without the white space around it.

    Tokens that are no text or no whole characters have none. Texts that several tokens have are encoded once.

    Attributes
    ----------
    batch : int
        Texts that the encoder gets at a time, at least 1.
    """

    batch: int = 256

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise InputError(f"The option batch must be at least 1, not {self.batch}.")

    def vectors(self, transfer: Transfer) -> TokenVectors:
        """Return vectors of source and new tokens; raise `InputError` without an encoder, or on what it returns."""
        encoder = transfer.materials.encoder
        if encoder is None:
            raise InputError(
                "This method needs a function that gives vectors to texts. Name it with --encoder MODULE:FUNCTION."
            )
        source = text_of_tokens(transfer.source.tokens, np.arange(len(transfer.source.tokens)))
        new = text_of_tokens(transfer.new, np.arange(len(transfer.new)))
        texts = [text for text in dict.fromkeys([*source, *new]) if text]
        if not texts:
            raise InputError("No token is a text that an encoder could encode.")
        transfer.say(f"encoding {len(texts):,} texts")
        encoded = self._encode(encoder, texts)
        rows = np.concatenate([encoded, np.zeros((1, encoded.shape[1]), np.float32)])
        place = {text: row for row, text in enumerate(texts)} | {"": len(texts)}
        vectors = TokenVectors(rows[[place[text] for text in source]], rows[[place[text] for text in new]])
        require_shared(vectors, transfer, "what the encoder returned")
        return vectors

    def _encode(self, encoder: Encoder, texts: Sequence[str]) -> Floats:
        rows = [_checked(encoder(part), part) for part in _batches(texts, self.batch)]
        if len({block.shape[1] for block in rows}) > 1:
            raise InputError("The encoder returned vectors of different dimensions from call to call.")
        return np.concatenate(rows)


def _batches(texts: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(texts), size):
        yield list(texts[start : start + size])


def _checked(returned: object, texts: Sequence[str]) -> Floats:
    try:
        rows = np.asarray(returned, np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"The encoder returned a {type(returned).__name__}, which is no array of numbers.") from error
    if rows.ndim != 2 or len(rows) != len(texts) or not rows.shape[1]:
        raise InputError(
            f"The encoder was given {len(texts)} texts and returned shape {rows.shape}; expected ({len(texts)}, any)."
        )
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise InputError(f"The encoder returned NaN or infinite numbers for {texts[bad[0]]!r}.")
    return rows
