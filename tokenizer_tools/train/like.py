"""The blueprint of a tokenizer that exists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vocabx.core.errors import TokenizerError
from vocabx.core.tokens import TokenKind
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.surfaces import CONTINUATION, Family, is_reserved
from vocabx.tokenizer_tools.train.blueprint import BYTE_PIECES, Blueprint, SpecialToken, tokens_of

__all__ = ["blueprint_of"]

TWO_DIGITS = re.compile(r"\d\d")
FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


def blueprint_of(source: FastSegmenter) -> Blueprint:
    """Take everything but the vocabulary: pipeline, settings, roles, and every special token but unused slots.

    What the vocabulary shows and the pipeline does not say is kept too: whether a token holds two digits, and which
    control characters have tokens. Slots that the tokenizer's makers kept free (`<unused7>`) are left out, unless a
    role or the post-processor uses them.

    Raises
    ------
    TokenizerError
        When the vocabulary marks the inside or the end of words in a way that only WordPiece may.
    """
    family, model = source.family, source.definition["model"]
    if family is not Family.WORDPIECE and model.get("continuing_subword_prefix"):
        raise TokenizerError(f"A {family.value} tokenizer that marks the insides of words is not supported.")
    if family is Family.WORDPIECE and model.get("continuing_subword_prefix") != CONTINUATION:
        raise TokenizerError(f"A WordPiece tokenizer whose pieces do not continue with {CONTINUATION} is unsupported.")
    pieces = set(source.tokens.pieces)
    return Blueprint(
        family,
        source.definition | {"model": _without_vocabulary(source, model)},
        special=tuple(_special_tokens(source)),
        roles={role: source.tokens.pieces[token] for role, token in source.roles.items()},
        has_bytes=family.marks_spaces and pieces.issuperset(BYTE_PIECES),
        single_digits=family is not Family.WORDPIECE and not _has_long_number(source),
        controls=frozenset(chr(code) for code in range(32) if chr(code) in pieces),
    )


def _without_vocabulary(source: FastSegmenter, model: Mapping[str, Any]) -> dict[str, Any]:
    settings = {name: value for name, value in model.items() if name not in ("vocab", "merges")}
    if source.family is Family.UNIGRAM and model["unk_id"] is not None:
        settings["unk_token"] = source.tokens.pieces[model["unk_id"]]  # its id becomes another
    return settings


def _special_tokens(source: FastSegmenter) -> list[SpecialToken]:
    """List the special tokens in the order of their ids."""
    definition, tokens = source.definition, source.tokens
    matching = {added["content"]: {flag: added[flag] for flag in FLAGS} for added in definition["added_tokens"]}
    needed = {tokens.pieces[token] for token in source.roles.values()} | set(tokens_of(definition["post_processor"]))
    unknown = _without_vocabulary(source, definition["model"]).get("unk_token")
    needed |= {unknown} if unknown is not None else set()
    texts = needed | {text for text in matching if not is_reserved(text)}
    known = {text: source.backend.token_to_id(text) for text in texts}
    ids = {text: token for text, token in known.items() if token is not None}
    in_model = source.model.get_vocab()
    middle = _middle_text_token(source)
    return [
        SpecialToken(text, ids[text] < middle, text in in_model, matching.get(text, {}))
        for text in sorted(ids, key=lambda text: (ids[text], text))
    ]


def _middle_text_token(source: FastSegmenter) -> int:
    """Return the middle of the ids of text: special tokens below it come first."""
    normal = (source.tokens.kinds == TokenKind.NORMAL).nonzero()[0]
    return int(normal[len(normal) // 2]) if len(normal) else len(source.tokens)


def _has_long_number(source: FastSegmenter) -> bool:
    normal = (source.tokens.kinds == TokenKind.NORMAL).nonzero()[0]
    return any(TWO_DIGITS.search(source.tokens.pieces[token]) for token in normal)
