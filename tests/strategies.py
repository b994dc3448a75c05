"""Hypothesis strategies: texts, vocabularies of three families, sparse alignments and small matrices."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import ml_dtypes
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from scipy.sparse import csr_array

from vocabx.core.alignment import Alignment, Origin
from vocabx.core.arrays import Matrix
from vocabx.core.tokens import TokenKind, TokenTable

__all__ = [
    "alignments",
    "byte_level_tables",
    "characters",
    "matrices",
    "metaspace_tables",
    "table",
    "texts",
    "wordpiece_tables",
    "words",
]

FLOAT_TYPES = [np.dtype(np.float32), np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)]
BYTES = tuple(bytes([byte]) for byte in range(256))

characters = st.one_of(
    st.sampled_from("abcABC019.,-é"),
    st.sampled_from("한국어가힣"),
    st.sampled_from([unicodedata.normalize("NFD", syllable) for syllable in "한어"]),
    st.sampled_from(["語", "क्षि", "😀", "👩‍👩‍👧", "\u00ad"]),
)
"""One visible character each, in one or several code points."""

white_space = st.sampled_from([" ", " ", " ", "  ", "\t", "\u00a0", "\u3000", " \n"])

words = st.lists(characters, min_size=1, max_size=5).map("".join)

texts = st.lists(st.one_of(words, white_space), max_size=10).map("".join)
"""Lines of text, blank and empty ones among them."""


def table(
    surfaces: Sequence[bytes],
    kinds: Sequence[TokenKind] | None = None,
    *,
    word_initial: Sequence[bool] | None = None,
    unknown: bool = False,
) -> TokenTable:
    """Make a token table; with `unknown` one more id, the last, is the unknown token."""
    kinds = [TokenKind.NORMAL] * len(surfaces) if kinds is None else list(kinds)
    initial = [surface.startswith(b" ") for surface in surfaces] if word_initial is None else list(word_initial)
    extra = [b"<unk>"] if unknown else []
    return TokenTable(
        pieces=tuple(surface.decode("latin-1") for surface in [*surfaces, *extra]),
        surfaces=(*surfaces, *extra),
        kinds=np.array([*kinds, *[TokenKind.CONTROL] * len(extra)], np.int8),
        word_initial=np.array([*initial, *[True] * len(extra)], np.bool_),
        roles={"unk": len(surfaces)} if unknown else {},
    )


@st.composite
def byte_level_tables(draw: st.DrawFn) -> TokenTable:
    """All 256 bytes, some words with and without the space before them, and some pieces of characters."""
    whole = draw(st.lists(words, max_size=8))
    pieces = [word.encode() for word in whole] + [b" " + word.encode() for word in whole]
    cut = draw(st.lists(st.sampled_from([text.encode()[:2] for text in "한語😀"]), max_size=2))
    merged = [piece for piece in dict.fromkeys(pieces + cut) if len(piece) > 1]
    return table([*BYTES, *merged], [*[TokenKind.BYTE] * 256, *[TokenKind.NORMAL] * len(merged)])


@st.composite
def metaspace_tables(draw: st.DrawFn) -> TokenTable:
    """A space, some letters, some words with and without the space before them, and an unknown token."""
    whole = draw(st.lists(words, max_size=8))
    single = draw(st.lists(characters, max_size=8))
    pieces = [b" ", *(text.encode() for text in [*single, *whole]), *(b" " + word.encode() for word in whole)]
    return table(list(dict.fromkeys(pieces)), unknown=True)


@st.composite
def wordpiece_tables(draw: st.DrawFn) -> TokenTable:
    """Some letters and words that open a word, some that continue one, and an unknown token."""
    pieces = draw(st.lists(st.one_of(characters, words), unique=True, max_size=16))
    opening = draw(st.lists(st.booleans(), min_size=2 * len(pieces), max_size=2 * len(pieces)))
    keys = dict.fromkeys((piece.encode(), first) for piece, first in zip(pieces * 2, opening, strict=True))
    return table([piece for piece, _ in keys], word_initial=[first for _, first in keys], unknown=True)


@st.composite
def matrices(draw: st.DrawFn, rows: int, columns: int | None = None) -> Matrix:
    """Return rows in a float type that checkpoints use, negative zero among the numbers."""
    shape = (rows, draw(st.integers(1, 4)) if columns is None else columns)
    numbers = st.one_of(st.sampled_from([-0.0, 0.0, 1.0]), st.floats(-4, 4, width=16))
    return draw(arrays.arrays(np.float32, shape, elements=numbers)).astype(draw(st.sampled_from(FLOAT_TYPES)))


@st.composite
def sparse(draw: st.DrawFn, rows: int, columns: int, *, convex: bool) -> csr_array:
    """Return rows of a few weights; convex ones are not negative and sum to 1 (or a row is empty without columns)."""
    size = (rows, columns)
    dense: NDArray[np.float64] = draw(arrays.arrays(np.float64, size, elements=st.sampled_from([0.0, 0.0, 0.5, 2.0])))
    if convex and columns:
        dense[dense.sum(axis=1) == 0, draw(st.integers(0, columns - 1))] = 1.0
        return csr_array(dense / dense.sum(axis=1, keepdims=True))
    signs = draw(arrays.arrays(np.float64, size, elements=st.sampled_from([1.0, 1.0, -1.0])))
    return csr_array(dense * signs)


@st.composite
def alignments(draw: st.DrawFn, convex: bool | None = None) -> Alignment:
    """Alignments with shared distributions, and copies of single rows among the rest."""
    rows, sources, groups = draw(st.integers(0, 6)), draw(st.integers(1, 7)), draw(st.integers(0, 2))
    convex = draw(st.booleans()) if convex is None else convex
    own = draw(sparse(rows, sources, convex=convex)).toarray()
    common = draw(sparse(rows, groups, convex=convex)).toarray()
    origins = draw(arrays.arrays(np.int8, rows, elements=st.sampled_from([int(origin) for origin in Origin])))
    if convex and groups:
        share = draw(arrays.arrays(np.float64, (rows, 1), elements=st.sampled_from([0.0, 0.25, 1.0])))
        own, common = own * (1 - share), common * share
    copied = np.flatnonzero(origins == Origin.COPIED)
    own[copied], common[copied] = 0, 0
    own[copied, draw(arrays.arrays(np.int64, len(copied), elements=st.integers(0, sources - 1)))] = 1
    return Alignment.build(
        csr_array(own),
        shared=draw(sparse(groups, sources, convex=convex)),
        shared_weights=csr_array(common),
        origins=origins,
        evidence=draw(arrays.arrays(np.int64, rows, elements=st.integers(0, 9))),
    )
