"""Put another tokenizer in the place of a model's own: what is copied, what is matched, what is carried over."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from vocabx.core.arrays import Ints
from vocabx.core.errors import TokenizerError
from vocabx.core.plan import NEW
from vocabx.core.tokens import TokenKind, TokenTable
from vocabx.tokenizer_tools.around import rewrite_post_processor
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.surfaces import Family

__all__ = ["ReplacedTokenizer", "replace_tokenizer"]

ROLES_IN_TURN = ("eos", "bos", "unk", "sep", "pad", "cls", "mask")
"""The order in which roles claim the target's tokens, the end of a text first of all."""
HIDDEN = (TokenKind.CONTROL, TokenKind.RESERVED, TokenKind.ABSENT)
"""Kinds whose spelling is no text."""


@dataclass(frozen=True)
class ReplacedTokenizer:
    """A target tokenizer that does what a model asks of its own.

    Attributes
    ----------
    source, segmenter : FastSegmenter
        The base and the result: the target's pipeline with the base's special tokens and roles.
    origins : ndarray of int64, shape (T,)
        For each id the base id that means the same, or `NEW`.
    by_text, by_role : tuple of str
        Special tokens of the base that the target has under the same spelling, or for the same role.
    carried : tuple of str
        Special tokens of the base that the target lacked; they follow its last id.
    """

    source: FastSegmenter = field(repr=False)
    segmenter: FastSegmenter = field(repr=False)
    origins: Ints = field(repr=False)
    by_text: tuple[str, ...]
    by_role: tuple[str, ...]
    carried: tuple[str, ...]

    @cached_property
    def new_ids(self) -> Ints:
        """Ids that mean nothing the base has a token for, ascending, shape (N,)."""
        return np.flatnonzero(self.origins == NEW)

    @cached_property
    def new_tokens(self) -> TokenTable:
        """The table of the new tokens, row i for id `new_ids[i]`, as the base's family would spell them.

        A special token spells nothing, and the start of a word is a space unless the base has none either.
        """
        new = self.segmenter.tokens.select(self.new_ids)
        opens = (Family.WORDPIECE is self.segmenter.family) and (self.source.family is not Family.WORDPIECE)
        surfaces = (
            b"" if kind in HIDDEN else b" " + surface if opens and is_initial else surface
            for surface, kind, is_initial in zip(new.surfaces, new.kinds.tolist(), new.word_initial, strict=True)
        )
        return TokenTable(new.pieces, tuple(surfaces), new.kinds, new.word_initial)


def replace_tokenizer(
    source: FastSegmenter, target: FastSegmenter, *, spelt: Collection[int] = (), needed: Collection[int] = ()
) -> ReplacedTokenizer:
    """Match the tokens of two tokenizers of any family, and give the target what it lacks of the base's special ones.

    A token of text is matched by its exact bytes and whether it opens a word. A special token is matched by its
    spelling or else by its role, and is carried over where the target has neither. Around a text stand the tokens
    that the base puts there.

    Parameters
    ----------
    source, target : FastSegmenter
    spelt : collection of int
        Base ids whose spelling matters, because a chat template writes it: they are never matched by role.
    needed : collection of int
        Base ids that are carried over besides the special tokens, unless they are tokens of text.

    Raises
    ------
    TokenizerError
        When the target has no tokens, or does not keep the ids that it is given.
    """
    if not target.tokens.is_text.any():
        raise TokenizerError("The target tokenizer has no tokens of text.")
    matches = _Matches(source, target.tokens, target.roles)
    matches.by_spelling(matches.special(needed))
    matches.by_role(spelt)
    carried = matches.carry(needed)
    # Last, because a tag `<s>` of one tokenizer must not take the place of a text's beginning in the other.
    matches.by_spelling(matches.others())
    roles = {**target.roles, **{role: matches.images[token] for role, token in source.roles.items()}}
    segmenter = FastSegmenter(_build(source, target, matches, carried), roles)
    return ReplacedTokenizer(
        source=source,
        segmenter=segmenter,
        origins=_origins(source, segmenter, matches.images),
        by_text=tuple(source.tokens.pieces[token] for token in matches.spelt),
        by_role=tuple(source.tokens.pieces[token] for token in matches.cast),
        carried=tuple(source.tokens.pieces[token] for token in carried),
    )


@dataclass
class _Matches:
    """Which id of the result stands for each special token of the base."""

    source: FastSegmenter
    target: TokenTable
    target_roles: Mapping[str, int]
    images: dict[int, int] = field(default_factory=dict)
    spelt: list[int] = field(default_factory=list)
    cast: list[int] = field(default_factory=list)

    def by_spelling(self, tokens: Collection[int]) -> None:
        known = {piece: token for token, piece in enumerate(self.target.pieces) if piece}
        used = set(self.images.values())
        for token in tokens:
            found = known.get(self.source.tokens.pieces[token])
            if found is not None and found not in used:
                self.images[token] = found
                self.spelt.append(token)

    def by_role(self, spelt: Collection[int]) -> None:
        for role in ROLES_IN_TURN:
            token, found = self.source.roles.get(role), self.target_roles.get(role)
            if token is None or found is None or token in self.images or token in spelt:
                continue
            if found not in self.images.values():
                self.images[token] = found
                self.cast.append(token)

    def carry(self, needed: Collection[int]) -> list[int]:
        carried = [token for token in self.special(needed) if token not in self.images]
        first = len(self.target)
        self.images |= {token: first + place for place, token in enumerate(carried)}
        return carried

    def special(self, needed: Collection[int]) -> list[int]:
        """Return what the result must have: the base's special tokens, and what is needed besides."""
        tokens = self.source.tokens
        others = (token for token in needed if not tokens.is_text[token])
        return sorted({*np.flatnonzero(tokens.kinds == TokenKind.CONTROL).tolist(), *others})

    def others(self) -> list[int]:
        """Return what the result may have: other tokens of the base that are none of text, unless they are there."""
        tokens = self.source.tokens
        as_text = {self.target.pieces[token] for token in np.flatnonzero(self.target.is_text).tolist()}
        ids = np.flatnonzero(~tokens.is_text & (tokens.kinds != TokenKind.ABSENT)).tolist()
        return [token for token in ids if token not in self.images and tokens.pieces[token] not in as_text]


def _build(source: FastSegmenter, target: FastSegmenter, matches: _Matches, carried: Sequence[int]) -> Any:
    """Return the target's pipeline with the base's special tokens in it and around the text."""
    from tokenizers import Tokenizer

    pieces = [piece or f"<|reserved_{token}|>" for token, piece in enumerate(target.tokens.pieces)]
    pieces += [source.tokens.pieces[token] for token in carried]
    definition = json.loads(json.dumps(target.definition))
    definition["added_tokens"] = _added_tokens(source, target, matches, carried)
    _add_to_vocabulary(definition["model"], pieces)
    definition["post_processor"] = rewrite_post_processor(source, definition["post_processor"], matches.images, pieces)
    backend = Tokenizer.from_str(json.dumps(definition, ensure_ascii=False))
    for token, piece in enumerate(pieces):
        if backend.token_to_id(piece) != token:
            raise TokenizerError(
                f"The target tokenizer cannot be given the token {piece!r} as id {token}: it has it as "
                f"{backend.token_to_id(piece)}. Rename the token there."
            )
    return backend


def _added_tokens(
    source: FastSegmenter, target: FastSegmenter, matches: _Matches, carried: Sequence[int]
) -> list[dict[str, Any]]:
    """Return the target's added tokens; those of the base's spelling are matched in text as the base does it."""
    settings = {added["id"]: added for added in source.definition["added_tokens"]}
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    added = {entry["id"]: entry for entry in target.definition["added_tokens"]}
    for token in (*matches.spelt, *carried):
        own = {**plain, "content": source.tokens.pieces[token], **settings.get(token, {})}
        added[matches.images[token]] = {**own, "id": matches.images[token]}
    return [added[token] for token in sorted(added)]


def _add_to_vocabulary(model: dict[str, Any], pieces: Sequence[str]) -> None:
    """Name every id in the model: outside of it an added token is numbered by the vocabulary's size when it is read."""
    if model["type"] == "Unigram":
        model["vocab"] += [[piece, 0.0] for piece in pieces[len(model["vocab"]) :]]
    else:
        model["vocab"] = {piece: token for token, piece in enumerate(pieces)}


def _origins(source: FastSegmenter, result: FastSegmenter, images: Mapping[int, int]) -> Ints:
    tokens = result.tokens
    is_spelt = tokens.is_text | (tokens.kinds == TokenKind.ADDED)
    is_spaceless = Family.WORDPIECE in (source.family, result.family) and source.family is not result.family
    known = {_key(*key, is_spaceless): token for key, token in source.tokens.id_of_surface.items()}
    pairs = zip(tokens.surfaces, tokens.word_initial.tolist(), strict=True)
    keys = (_key(surface, is_initial, is_spaceless) for surface, is_initial in pairs)
    origins = np.fromiter((known.get(key, NEW) for key in keys), np.int64, len(tokens))
    origins[~is_spelt] = NEW
    # `<0x41>` is not `A`: a byte that is kept for text without a token of its own finds the one kept for that.
    byte_of_piece = {source.tokens.pieces[token]: token for token in _bytes(source.tokens)}
    for token in _bytes(tokens):
        origins[token] = byte_of_piece.get(tokens.pieces[token], origins[token])
    for token, image in images.items():
        origins[image] = token
    return origins


def _bytes(tokens: TokenTable) -> list[int]:
    ids: list[int] = np.flatnonzero(tokens.kinds == TokenKind.BYTE).tolist()
    return ids


def _key(surface: bytes, is_initial: bool, is_spaceless: bool) -> tuple[bytes, bool]:
    """Name a surface; where only one of two families writes the space that opens a word, without that space."""
    return (surface[1:] if is_spaceless and is_initial and surface[:1] == b" " else surface), is_initial
