"""Vectors of tokens with the quirks of WECHSEL's published code, for comparison with it."""

from __future__ import annotations

from vocabx.aligners.spaces.token_vectors import token_vectors, vectors_of_texts
from vocabx.aligners.spaces.word_vectors import WordVectors
from vocabx.core.arrays import Floats, Ints
from vocabx.core.segmenter import Segmenter

__all__ = ["published_token_vectors"]


def published_token_vectors(segmenter: Segmenter, ids: Ints, words: WordVectors, how: str) -> Floats:
    """Return what `wechsel` 0.0.4 takes for the vectors of tokens, shape (N, d).

    It differs from `token_vectors` with ``compose``: special tokens, bytes and pieces of characters get vectors too,
    the last those of the signs that replace what cannot be decoded.
    """
    if how != "compose":
        return token_vectors(segmenter, ids, words, how)
    surfaces = segmenter.tokens.surfaces
    return vectors_of_texts([surfaces[token].decode("utf-8", "replace").strip() for token in ids.tolist()], words)
