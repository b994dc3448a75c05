"""Read any fast tokenizer as a Segmenter."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vocabx.core.arrays import Bools, Ints, Ragged
from vocabx.core.errors import TokenizerError, first_line
from vocabx.core.segmenter import Segmentation
from vocabx.core.tokens import ROLES, TokenKind, TokenTable, is_complete_utf8
from vocabx.tokenizer_tools.surfaces import (
    BYTE_PIECE,
    CONTINUATION,
    Family,
    detect_family,
    is_reserved,
    piece_to_surface,
    surface_to_piece,
)

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["FastSegmenter", "read_tokenizer", "roles_of", "table_of_pieces"]


@dataclass(frozen=True)
class FastSegmenter:
    """A tokenizer of the `tokenizers` library, with its table.

    `backend` is the pipeline itself and `roles` gives the ids of the special tokens by role.
    """

    backend: Tokenizer
    roles: Mapping[str, int]

    @classmethod
    def from_backend(cls, backend: Tokenizer, roles: Mapping[str, int] | None = None) -> FastSegmenter:
        """Take a copy of a pipeline without its truncation and padding."""
        from tokenizers import Tokenizer

        return cls.owning(Tokenizer.from_str(backend.to_str()), roles)

    @classmethod
    def owning(cls, backend: Tokenizer, roles: Mapping[str, int] | None = None) -> FastSegmenter:
        """Take a pipeline that nobody else uses: its truncation and padding are turned off in place."""
        backend.no_truncation()
        backend.no_padding()
        return cls(backend, roles or {})

    @cached_property
    def definition(self) -> dict[str, Any]:
        """The pipeline as parsed `tokenizer.json`."""
        definition: dict[str, Any] = json.loads(self.backend.to_str())
        model = definition["model"]
        if model.get("merges"):  # their parts are tokens: one string for both saves as much as the vocabulary takes
            piece = {piece: piece for piece in model["vocab"]}
            model["merges"] = [[piece.get(left, left), piece.get(right, right)] for left, right in model["merges"]]
        return definition

    @cached_property
    def family(self) -> Family:
        """How the vocabulary spells bytes."""
        return detect_family(self.definition)

    @property
    def has_byte_fallback(self) -> bool:
        """Whether a character without a token of its own is spelt in bytes, so that no text is ever lost."""
        return self.family is Family.BYTE_LEVEL or bool(self.definition["model"].get("byte_fallback"))

    @cached_property
    def tokens(self) -> TokenTable:
        """What every id stands for."""
        return _token_table(self.backend, self.definition, self.family, self.roles)

    @cached_property
    def merges(self) -> Ints:
        """Ids of the left part, the right part and their join, merge by merge, shape (M, 3); empty for no BPE."""
        model = self.definition["model"]
        if not model.get("merges"):
            return np.empty((0, 3), np.int64)
        ids, prefix = model["vocab"], model["continuing_subword_prefix"] or ""
        pairs = model["merges"]
        return np.array([(ids[a], ids[b], ids[a + b.removeprefix(prefix)]) for a, b in pairs], np.int64)

    @cached_property
    def model(self) -> Tokenizer:
        """The model alone: no normaliser, no pre-tokenizer, no added tokens."""
        from tokenizers import Tokenizer

        return Tokenizer(self.backend.model)

    def let_go(self) -> None:
        """Forget what takes most memory beside the pipeline itself; it is read again when it is asked for."""
        self.family, self.tokens  # noqa: B018  read of it, and small
        for name in ("definition", "merges"):
            vars(self).pop(name, None)

    def segment_lines(self, lines: Sequence[str]) -> Segmentation:
        """Encode lines through the whole pipeline, without special tokens around them."""
        given = tuple(lines)
        return Segmentation(Ragged.from_rows(self.encode(given)), partial(self._texts, given))

    def encode(self, lines: Sequence[str]) -> list[list[int]]:
        """Return the ids of each line, without special tokens around them."""
        encodings = self.backend.encode_batch_fast(list(lines), add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def _texts(self, lines: Sequence[str]) -> list[bytes]:
        return [piece_to_text_bytes("".join(self.words(line)), self.family) for line in lines]

    @cached_property
    def words(self) -> Callable[[str], list[str]]:
        """Normalise and pre-tokenize a line: the native strings that the model sees one by one."""
        # Each look at the backend makes a new wrapper, which would cost more than the split itself.
        normalizer, pre_tokenizer = self.backend.normalizer, self.backend.pre_tokenizer
        normalize = normalizer.normalize_str if normalizer else str
        if pre_tokenizer is None or _is_idle(self.definition):
            return lambda line: [normalize(line)]
        split = pre_tokenizer.pre_tokenize_str
        return lambda line: [word for word, _ in split(normalize(line))]

    @cached_property
    def plain_words(self) -> Callable[[str], list[str]]:
        """Split a line like `words`, but at its added tokens too: they are cut out before the model sees the rest.

        Reserved slots are left in, of which a tokenizer may have thousands and a text none.
        """
        kinds = self.tokens.kinds
        added = [
            token
            for token in self.definition["added_tokens"]
            if token["content"] and not token["single_word"] and kinds[token["id"]] != TokenKind.RESERVED
        ]
        if not added:
            return self.words
        spellings = (
            r"\s*" * token["lstrip"] + re.escape(token["content"]) + r"\s*" * token["rstrip"]
            for token in sorted(added, key=lambda token: -len(token["content"]))
        )
        cut = re.compile("|".join(spellings)).split
        return lambda line: [word for part in cut(line) if part for word in self.words(part)]

    def encode_words(self, words: Sequence[str]) -> Ragged:
        """Segment native words (what the pre-tokenizer gives) by the model alone."""
        return Ragged.from_rows([encoding.ids for encoding in self.model.encode_batch_fast(list(words))])

    def segment_surfaces(self, tokens: TokenTable) -> Ragged:
        """Encode the surface of every token of another table by the model alone; see `Segmenter`."""
        if self.family is Family.WORDPIECE:
            pairs = zip(tokens.surfaces, tokens.word_initial, strict=True)
            return Ragged.from_rows([self._wordpiece(surface, bool(initial)) for surface, initial in pairs])
        if self.family is Family.BYTE_LEVEL:
            return self.encode_words([surface_to_piece(surface, self.family) for surface in tokens.surfaces])
        whole = [surface if is_complete_utf8(surface) else b"" for surface in tokens.surfaces]
        encoded = self.encode_words([surface_to_piece(surface, self.family) for surface in whole])
        rows = [
            list(encoded[row]) if is_complete_utf8(surface) else self._bytes(surface)
            for row, surface in enumerate(tokens.surfaces)
        ]
        return Ragged.from_rows(rows)

    def _bytes(self, surface: bytes) -> list[int]:
        ids = (self.backend.token_to_id(f"<0x{byte:02X}>") for byte in surface)
        return [token for token in ids if token is not None]

    def _wordpiece(self, surface: bytes, initial: bool) -> list[int]:
        """Segment each word of the surface, the first one at the start of a word or inside it; none if one fails."""
        if not is_complete_utf8(surface):
            return []
        words = [self._wordpiece_word(word, initial or i > 0) for i, word in enumerate(surface.decode().split())]
        return [token for word in words for token in word] if all(words) else []

    def _wordpiece_word(self, text: str, initial: bool) -> list[int]:
        """Take the longest piece first, as WordPiece does, but allow a start inside a word."""
        ids = list[int]()
        while text:
            prefix = CONTINUATION if ids or not initial else ""
            found = ((end, self.backend.token_to_id(prefix + text[:end])) for end in range(len(text), 0, -1))
            end, token = next((pair for pair in found if pair[1] is not None), (0, None))
            if token is None:
                return []
            ids.append(token)
            text = text[end:]
        return ids


def _is_idle(definition: Mapping[str, Any]) -> bool:
    """Whether the pre-tokenizer splits at spaces, and the normaliser leaves none; Gemma's pipeline does."""
    space = {"String": " "}
    normalizer, pre_tokenizer = definition["normalizer"] or {}, definition["pre_tokenizer"]
    replaces = (
        normalizer.get("type") == "Replace" and normalizer["pattern"] == space and " " not in normalizer["content"]
    )
    return bool(replaces and pre_tokenizer.get("type") == "Split" and pre_tokenizer["pattern"] == space)


def piece_to_text_bytes(words: str, family: Family) -> bytes:
    """Return the bytes of pre-tokenized text; unlike a piece it may hold ``##`` or ``<0x0A>`` as plain text."""
    if family is Family.BYTE_LEVEL:
        return piece_to_surface(words, family)
    return (words.replace("\u2581", " ") if family.marks_spaces else words).encode()


def _token_table(
    backend: Tokenizer, definition: dict[str, Any], family: Family, roles: Mapping[str, int]
) -> TokenTable:
    vocabulary = backend.get_vocab(with_added_tokens=True)
    _check_vocabulary(backend, definition, family)
    size = max(vocabulary.values(), default=-1) + 1
    pieces = [""] * size
    kinds = np.full(size, TokenKind.ABSENT, np.int8)
    for piece, token in vocabulary.items():
        pieces[token] = piece
        kinds[token] = TokenKind.NORMAL
    for added in definition["added_tokens"]:
        pieces[added["id"]] = added["content"]  # even where the model's vocabulary calls it something else
        kinds[added["id"]] = TokenKind.CONTROL if added["special"] else TokenKind.ADDED
    for token, piece in enumerate(pieces):
        if is_reserved(piece):
            kinds[token] = TokenKind.RESERVED
    for token in roles.values():  # last, because a slot that was given a role is reserved no more
        kinds[token] = TokenKind.CONTROL
    return table_of_pieces(pieces, kinds, family, roles)


def _check_vocabulary(backend: Tokenizer, definition: Mapping[str, Any], family: Family) -> None:
    """Raise `TokenizerError` where a piece has two ids, or an id two pieces."""
    if family is Family.UNIGRAM:
        counts = Counter(piece for piece, _ in definition["model"]["vocab"])
    else:
        counts = Counter(backend.get_vocab(with_added_tokens=False).values())
    if len(counts) == counts.total():
        return
    twice = counts.most_common(1)[0][0]
    pieces = sorted(piece for piece, token in backend.get_vocab(with_added_tokens=False).items() if token == twice)
    told = f"the token {twice!r} more than one id" if family is Family.UNIGRAM else f"the id {twice} to {pieces}"
    raise TokenizerError(f"The vocabulary in tokenizer.json gives {told}. Every token needs one id of its own.")


def table_of_pieces(
    pieces: Sequence[str], kinds: NDArray[np.int8], family: Family, roles: Mapping[str, int]
) -> TokenTable:
    """Make the table of pieces whose kinds are known, but for those that stand for a byte."""
    surfaces = [_surface(piece, kind, family) for piece, kind in zip(pieces, kinds.tolist(), strict=True)]
    return TokenTable(
        pieces=tuple(pieces),
        surfaces=tuple(surfaces),
        kinds=_mark_bytes(kinds, pieces, surfaces, family),
        word_initial=_word_initial(pieces, surfaces, family),
        roles=dict(roles),
    )


def _surface(piece: str, kind: int, family: Family) -> bytes:
    is_spelt = kind in (TokenKind.NORMAL, TokenKind.BYTE) or (kind == TokenKind.ADDED and family.marks_spaces)
    return piece_to_surface(piece, family) if is_spelt else piece.encode()


def _mark_bytes(
    kinds: NDArray[np.int8], pieces: Sequence[str], surfaces: Sequence[bytes], family: Family
) -> NDArray[np.int8]:
    if family is Family.BYTE_LEVEL:
        is_byte = np.fromiter((len(surface) == 1 for surface in surfaces), np.bool_, len(kinds))
    elif family.marks_spaces:
        is_byte = np.fromiter((BYTE_PIECE.fullmatch(piece) is not None for piece in pieces), np.bool_, len(kinds))
    else:
        return kinds
    return np.where(is_byte & (kinds == TokenKind.NORMAL), TokenKind.BYTE, kinds).astype(np.int8)


def _word_initial(pieces: Sequence[str], surfaces: Sequence[bytes], family: Family) -> Bools:
    if family is Family.WORDPIECE:
        flags = (bool(piece) and not piece.startswith(CONTINUATION) for piece in pieces)
    else:
        flags = (surface[:1].isspace() for surface in surfaces)
    return np.fromiter(flags, np.bool_, len(pieces))


def read_tokenizer(directory: Path) -> FastSegmenter:
    """Open a tokenizer as plain `AutoTokenizer` does, because that is what its users get.

    Raises
    ------
    TokenizerError
        When there is none, or when it has no fast backend.
    """
    from transformers import AutoTokenizer

    if not directory.is_dir():
        raise TokenizerError(f"{directory} is not a directory with a tokenizer.")
    if not any(
        (directory / name).exists() for name in ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
    ):
        raise TokenizerError(f"{directory} holds no tokenizer (no tokenizer.json, tokenizer.model or vocabulary file).")
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(directory), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the library raises bare Exception for a broken tokenizer.json
        advice = _advice(directory)
        reason = first_line(error).rstrip(" .:")
        raise TokenizerError(f"The tokenizer in {directory} cannot be opened: {reason}.{advice}") from error
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise TokenizerError(f"The tokenizer in {directory} has no fast backend (tokenizer.json); vocabx needs one.")
    return FastSegmenter.owning(backend, roles_of(tokenizer))  # large vocabularies take hundreds of MB: no copy


def _advice(directory: Path) -> str:
    settings = directory / "tokenizer_config.json"
    if settings.is_file() and "auto_map" in settings.read_text(encoding="utf-8", errors="replace"):
        return " vocabx runs no custom code; take auto_map out of tokenizer_config.json if tokenizer.json is complete."
    if (directory / "tokenizer.json").exists():
        return ""
    return (
        " There is no tokenizer.json; name the tokenizer's class in tokenizer_config.json, as "
        '{"tokenizer_class": "GPT2Tokenizer"}, or save it again from where AutoTokenizer opens it.'
    )


def roles_of(tokenizer: object) -> dict[str, int]:
    """Return the ids of the special tokens that a transformers tokenizer has, by role."""
    ids = {role: getattr(tokenizer, f"{role}_token_id", None) for role in ROLES}
    return {role: token for role, token in ids.items() if token is not None}
