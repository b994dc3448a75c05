"""What tokens need other tokens for: the merges that build them, the characters they fall apart into."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from vocabx.core.arrays import Bools, Ints
from vocabx.core.tokens import TokenKind
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.surfaces import CONTINUATION, MARKER, Family
from vocabx.tokenizer_tools.trim.renumber import post_processor_ids

__all__ = ["always_needed", "mark_characters", "mark_parts", "matches_before_failure"]


def always_needed(source: FastSegmenter) -> Bools:
    """Mark what stays in any case, shape (S,).

    These are the special and added tokens, single bytes, the unknown token and what the pipeline puts around texts;
    not the reserved slots. Also the mark for a space, because the bytes of the mark would spell the mark; and in
    Unigram the piece with the lowest score, because the score of an unknown character is counted from it.
    """
    tokens, model = source.tokens, source.definition["model"]
    kinds = (TokenKind.CONTROL, TokenKind.ADDED, TokenKind.BYTE)
    needed = np.isin(tokens.kinds, kinds)
    needed[post_processor_ids(source.definition)] = True
    if source.family.marks_spaces and (mark := source.backend.token_to_id(MARKER)) is not None:
        needed[mark] = True
    if source.family is Family.UNIGRAM:
        needed[int(np.argmin([score for _, score in model["vocab"]]))] = True
        if model["unk_id"] is not None:
            needed[model["unk_id"]] = True
    elif model["unk_token"] is not None:
        needed[source.backend.token_to_id(model["unk_token"])] = True
    return needed


def mark_parts(source: FastSegmenter, ids: Ints) -> Bools:
    """Mark what the merges that build these tokens pass through, down to single characters, shape (S,).

    What BPE does inside the bounds of a token does not depend on what is around it: were it otherwise, a merge would
    have crossed them. So the merges that build a token in a text are those that build it from its own characters.
    """
    marked = np.zeros(len(source.tokens), np.bool_)
    model = source.definition["model"]
    if model["type"] != "BPE":
        return marked
    ranks = {(left, right): rank for rank, (left, right) in enumerate(model["merges"])}
    vocabulary, pieces = model["vocab"], source.tokens.pieces
    waiting = [pieces[token] for token in ids]
    seen = set(waiting)
    while waiting:
        for part in _last_merge(waiting.pop(), ranks):
            marked[vocabulary[part]] = True
            if part not in seen:
                seen.add(part)
                waiting.append(part)
    return marked


def _last_merge(piece: str, ranks: Mapping[tuple[str, str], int]) -> Sequence[str]:
    """Return the two parts that BPE joins last when it spells a piece; none when it does not arrive at the piece."""
    symbols = list(piece)
    never = len(ranks)
    while len(symbols) > 2:
        found = [ranks.get(pair, never) for pair in pairwise(symbols)]
        best = min(found)
        if best == never:
            return ()
        place = found.index(best)
        symbols[place : place + 2] = [symbols[place] + symbols[place + 1]]
    return symbols if tuple(symbols) in ranks else ()


def mark_characters(source: FastSegmenter, ids: Iterable[int]) -> Bools:
    """Mark the tokens for the single characters of these tokens where there are no bytes to spell them, shape (S,)."""
    marked = np.zeros(len(source.tokens), np.bool_)
    if source.has_byte_fallback:
        return marked
    prefix = CONTINUATION if source.family is Family.WORDPIECE else ""
    pieces = (source.tokens.pieces[token].removeprefix(prefix) for token in ids if source.tokens.is_text[token])
    for character in set[str]().union(*pieces):
        for piece in (character, prefix + character):
            token = source.backend.token_to_id(piece)
            if token is not None:
                marked[token] = True
    return marked


def matches_before_failure(source: FastSegmenter, words: Iterable[str]) -> list[list[int]]:
    """Return what WordPiece matches in words that it then gives up: without it, it might not.

    Where the longest match is taken away a shorter one takes its place, and what follows may suddenly fit.
    """
    model: Mapping[str, Any] = source.definition["model"]
    vocabulary, prefix = model["vocab"], model["continuing_subword_prefix"]
    longest = max(map(len, vocabulary), default=0)

    def matches(word: str) -> list[int]:
        found = list[int]()
        start = 0
        while start < len(word) <= model["max_input_chars_per_word"]:
            before = prefix if start else ""
            ends = range(min(len(word), start + longest), start, -1)
            end = next((end for end in ends if before + word[start:end] in vocabulary), None)
            if end is None:
                return found
            found.append(vocabulary[before + word[start:end]])
            start = end
        return found

    return [matches(word) for word in words]
