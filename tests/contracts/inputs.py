"""What every method of the table can draw on: a base, a target with new tokens, and small materials of every kind."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from vocabx.core.arrays import Bools, Floats, Ints
from vocabx.core.corpus import Corpus
from vocabx.core.embeddings import Embeddings
from vocabx.core.tokens import TokenKind
from vocabx.core.transfer import Donor, Materials, Parallel, Transfer
from vocabx.tokenizer_tools.read import FastSegmenter

__all__ = ["DIMENSIONS", "NEW", "Base", "base", "materials", "new_ids", "target", "transfer"]

DIMENSIONS, PADDING, LINES = 6, 5, 320
ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())
MERGES = [("Ġ", "t"), ("h", "e"), ("Ġt", "he"), ("i", "n"), ("in", "g"), ("ì", "Ĥ"), ("ìĤ", "¬"), ("ë", "ŀ")]
NEW_TEXTS = [" the", "si", "thing", " 사람", "사람", "사", "람", " 한국어", "ing the", "!!", "\u00e9t\u00e9"]
NEW_BYTES = [b" \xed", "람".encode()[:2], b"\x00", b"\x00\x01", b"\xff\x00\xfe"]
NEW = [*(text.encode() for text in NEW_TEXTS), *NEW_BYTES]
"""Words, parts of words, characters and parts of these; some are made of unusable pieces only."""

TRANSLATIONS = {"the": "한국어", "thing": "사람", "he": "사", "in": "람", "night": "été", "sing": "네가", "cat": "the"}
WORDS = [*"abcdefghijklmnopqrstuvwxyz", "ing", "!!", "!", "is", *TRANSLATIONS, *TRANSLATIONS.values()]


@dataclass(frozen=True)
class Base:
    """A tokenizer with matrices that have rows of every kind which must not be used."""

    source: FastSegmenter
    usable: Bools
    matrices: dict[str, NDArray[np.float32]]


@cache
def base() -> Base:
    """Ids with a hole, special and reserved tokens; zero, infinite and NaN rows; padding beyond the tokenizer."""
    source = _byte_level(MERGES, hole=256)
    table = source.tokens
    assert {TokenKind.ABSENT, TokenKind.CONTROL, TokenKind.RESERVED} <= {TokenKind(kind) for kind in table.kinds}
    rng = np.random.default_rng(5)
    rows = len(table) + PADDING
    matrices = {name: rng.normal(0.3, 1, (rows, DIMENSIONS)).astype(np.float32) for name in ("input", "head")}
    matrices["bias"] = rng.normal(size=(rows, 1)).astype(np.float32)
    spoilt = {b"\x00": 0, b"\x01": 0, b"s": np.inf, b"n": np.nan}  # two of them stand in the text
    for byte, value in spoilt.items():
        matrices["input"][table.id_of_surface[byte, False]] = value
    usable = Embeddings(table, matrices["input"]).usable()
    assert not usable[[256, *(table.id_of_surface[byte, False] for byte in spoilt)]].any()
    for name in ("head", "bias"):
        matrices[name][: len(table)][~usable] = np.nan
    return Base(source, usable, matrices)


@cache
def target() -> FastSegmenter:
    """Bytes, and merges that build every new token from the left."""
    merges: dict[tuple[str, str], None] = {}
    for spelling in (_spelling(surface) for surface in NEW):
        merges |= dict.fromkeys((spelling[:end], spelling[end]) for end in range(1, len(spelling)))
    return _byte_level(list(merges))


@cache
def new_ids() -> tuple[int, ...]:
    """Ids of the new tokens in the target."""
    known = target().tokens.id_of_surface
    return tuple(known[surface, surface.startswith(b" ")] for surface in NEW)


def transfer(given: Materials, seed: int = 0, ids: Sequence[int] | None = None) -> Transfer:
    """Transfer all new tokens, or those with some ids, from the base to the target."""
    chosen: Ints = np.array(new_ids() if ids is None else ids, np.int64)
    rows = base().matrices
    return Transfer(base().source, target(), chosen, base().usable, seed, given, rows["input"], rows["head"])


def materials(folder: Path) -> Materials:
    """Write text, translations and word vectors, in which most new tokens stand.

    One file of vectors serves both languages; ``other.vec`` is another.
    """
    rng = np.random.default_rng(1)
    drawn = [[list(TRANSLATIONS)[place] for place in rng.integers(0, len(TRANSLATIONS), 8)] for _ in range(LINES)]
    own, other = folder / "source.txt", folder / "target.txt"
    own.write_text("".join(f"{' '.join(line)} is !!\n" for line in drawn), encoding="utf-8")
    translated = [" ".join(TRANSLATIONS[word] for word in line) for line in drawn]
    other.write_text("".join(f"thing {line} sing !!(사)été\n" for line in translated), encoding="utf-8")
    dictionary = folder / "dictionary.tsv"
    dictionary.write_text("".join(f"{word}\t{other}\n" for word, other in TRANSLATIONS.items()), encoding="utf-8")
    vectors, other_vectors = folder / "both.vec", folder / "other.vec"
    for file in (vectors, other_vectors):
        _write_vectors(file, rng.normal(size=(len(WORDS), 8)).astype(np.float32))
    return Materials(
        corpus=Corpus.open([other]),
        source_corpus=Corpus.open([own]),
        parallel=Parallel(own, other),
        dictionary=dictionary,
        source_vectors=vectors,
        target_vectors=vectors,
        encoder=encode,
        donor=donor(),
    )


@cache
def donor() -> Donor:
    """A model that knows the new tokens, apart from a few whose rows nobody trained."""
    rows = np.random.default_rng(2).normal(size=(len(target().tokens), 12)).astype(np.float32)
    rows[list(new_ids()[4:6])] = np.array([[0], [np.nan]])
    return Donor(target(), Embeddings(target().tokens, rows), "donor")


def encode(texts: Sequence[str]) -> Floats:
    """Give every text a vector that nothing but the text decides."""
    digests = [hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts]
    return np.array([list(digest) for digest in digests], np.float32) - 127.5


def _write_vectors(file: Path, rows: Floats) -> None:
    lines = (f"{word} {' '.join(map(str, row))}\n" for word, row in zip(WORDS, rows, strict=True))
    file.write_text(f"{len(WORDS)} {rows.shape[1]}\n{''.join(lines)}", encoding="utf-8")


def _byte_level(merges: list[tuple[str, str]], hole: int = -1) -> FastSegmenter:
    pieces = dict.fromkeys([*ALPHABET, *(left + right for left, right in merges)])
    ids = {piece: token + int(0 <= hole <= token) for token, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(ids, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|end|>", "<|reserved_special_token_0|>"])
    end = tokenizer.token_to_id("<|end|>")
    assert end is not None
    return FastSegmenter.from_backend(tokenizer, {"eos": end})


def _spelling(surface: bytes) -> str:
    """Return bytes as the target writes them."""
    table = base().source.tokens
    return "".join(table.pieces[table.id_of_surface[bytes([byte]), byte == ord(" ")]] for byte in surface)
