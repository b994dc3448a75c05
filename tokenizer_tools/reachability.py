"""Reachability: a text for every token that produces it through the whole pipeline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vocabx.core.arrays import Ints, Ragged
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.words import word_text

__all__ = ["find_witnesses"]


def find_witnesses(
    segmenter: FastSegmenter, ids: Sequence[int], words: Sequence[str], word_ids: Ragged | None = None
) -> dict[int, str]:
    """Find for each id a text whose encoding holds it.

    The token's own text is tried first, then the first of the native `words` that the model segments into it; each
    witness is checked through the whole pipeline. An id that is not in the result was produced by none of them.
    """
    witnesses = _confirmed(segmenter, {token: segmenter.tokens.surfaces[token].decode() for token in ids})
    missing = [token for token in ids if token not in witnesses]
    if missing:
        word_ids = word_ids or segmenter.encode_words(words)
        first = _first_words(word_ids, missing)
        texts = {token: word_text(words[word], segmenter.family) for token, word in first.items()}
        witnesses |= _confirmed(segmenter, texts)
        # Where the tokenizer puts a space before every text, the word's own space would be a second one.
        bare = {token: text[1:] for token, text in texts.items() if token not in witnesses and text[:1] == " "}
        witnesses |= _confirmed(segmenter, bare)
    return witnesses


def _confirmed(segmenter: FastSegmenter, texts: dict[int, str]) -> dict[int, str]:
    encoded = segmenter.encode(list(texts.values()))
    return {token: text for (token, text), ids in zip(texts.items(), encoded, strict=True) if token in ids}


def _first_words(word_ids: Ragged, wanted: Sequence[int]) -> dict[int, int]:
    found = np.flatnonzero(np.isin(word_ids.values, wanted))
    tokens, first = np.unique(word_ids.values[found], return_index=True)
    rows: Ints = word_ids.row_of_value[found[first]]
    return dict(zip(tokens.tolist(), rows.tolist(), strict=True))
