from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.strategies import table, words
from tests.tokenizer_tools.toys import TOYS, byte_level, of_merges, wordpiece
from tests.transfers import transfer
from vocabx.aligners.constituents import WEIGHTINGS, Constituents
from vocabx.core.alignment import Alignment, Origin
from vocabx.core.arrays import Bools
from vocabx.core.errors import UnknownNameError
from vocabx.tokenizer_tools.read import FastSegmenter

ORACLE_WEIGHTS: dict[str, Callable[[Sequence[bytes], int], float]] = {
    "uniform": lambda pieces, i: 1.0,
    "length": lambda pieces, i: float(len(pieces[i])),
    "late": lambda pieces, i: math.exp(2 * (i + 1)),
    "early": lambda pieces, i: math.exp(-2 * (i + 1)),
    "first": lambda pieces, i: float(i == 0),
}
"""The formulas of the papers, one piece at a time."""


def oracle_pieces(source: FastSegmenter, surface: bytes) -> list[int]:
    """Byte-pair encoding in its plainest form: join the pair of the lowest rank until none is left."""
    vocabulary, merges = source.definition["model"]["vocab"], source.definition["model"]["merges"]
    rank = {tuple(merge): place for place, merge in enumerate(merges)}
    spelling = {surface: piece for piece, surface in zip(source.tokens.pieces, source.tokens.surfaces, strict=True)}
    parts = [spelling[bytes([byte])] for byte in surface]
    while pairs := [(rank[pair], i) for i, pair in enumerate(pairwise(parts)) if pair in rank]:
        _, at = min(pairs)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return [vocabulary[part] for part in parts]


def oracle_row(source: FastSegmenter, surface: bytes, weighting: str, usable: Bools) -> NDArray[np.float64]:
    """Weights of one token over the source tokens, shape (S,)."""
    kept = [token for token in oracle_pieces(source, surface) if usable[token]]
    spelt = [source.tokens.surfaces[token] for token in kept]
    row = np.zeros(len(source.tokens))
    for place, token in enumerate(kept):
        row[token] += ORACLE_WEIGHTS[weighting](spelt, place)
    return np.asarray(row / row.sum() if kept else usable / usable.sum())


def weights(alignment: Alignment) -> NDArray[np.float64]:
    """All weights, the shared ones written out, shape (N, S)."""
    return np.asarray(alignment.weights.toarray() + alignment.shared_weights.toarray() @ alignment.shared.toarray())


def token(source: FastSegmenter, piece: str) -> int:
    found = source.backend.token_to_id(piece)
    assert found is not None
    return int(found)


def all_text(source: FastSegmenter) -> Bools:
    return np.array(source.tokens.is_text)


def test_every_weighting_has_an_oracle() -> None:
    assert ORACLE_WEIGHTS.keys() == WEIGHTINGS.keys()


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@given(st.lists(st.tuples(st.sampled_from(["", " "]), words), min_size=1, max_size=4), st.randoms())
def test_rows_are_weighted_means_of_the_pieces_of_the_bytes(
    weighting: str, texts: list[tuple[str, str]], random: Random
) -> None:
    source = byte_level()
    usable = all_text(source)
    usable[random.sample(range(len(usable)), 60)] = False
    surfaces = ["".join(text).encode() for text in texts]
    surfaces += [surface[: len(surface) // 2 + 1] for surface in surfaces]
    alignment = Constituents(weighting).align(transfer(source, table(surfaces), usable))
    expected = np.array([oracle_row(source, surface, weighting, usable) for surface in surfaces])
    np.testing.assert_allclose(weights(alignment), expected, rtol=0, atol=1e-12)
    assert alignment.is_convex.all()


@pytest.mark.parametrize(
    ("weighting", "expected"),
    [
        ("uniform", [1 / 3, 1 / 3, 1 / 3]),
        ("length", [2 / 6, 1 / 6, 3 / 6]),
        ("late", [math.exp(-4), math.exp(-2), 1]),
        ("early", [1, math.exp(-2), math.exp(-4)]),
        ("first", [1, 0, 0]),
    ],
)
def test_three_pieces_of_two_one_and_three_bytes_by_hand(weighting: str, expected: list[float]) -> None:
    source = of_merges(("a", "b"), ("e", "f"), ("d", "ef"))
    alignment = Constituents(weighting).align(transfer(source, table([b"abcdef"]), all_text(source)))
    ids = [token(source, piece) for piece in ("ab", "c", "def")]
    np.testing.assert_allclose(weights(alignment)[0, ids], np.array(expected) / sum(expected), atol=1e-12)
    assert alignment.evidence.tolist() == [3]


def test_a_piece_that_occurs_twice_counts_twice() -> None:
    source = of_merges(("a", "b"))
    alignment = Constituents().align(transfer(source, table([b"ababc"]), all_text(source)))
    assert dict(alignment.sources(0)) == pytest.approx({token(source, "ab"): 2 / 3, token(source, "c"): 1 / 3})


@pytest.mark.parametrize("family", TOYS)
def test_the_pieces_spell_the_bytes_of_the_token(family: str) -> None:
    source, spaces = TOYS[family](), ("",) if family == "WordPiece" else ("", " ")
    new = table([(space + text).encode() for space in spaces for text in ("language", "한국", "the", "語")])
    pieces = source.segment_surfaces(new)
    is_spelt = [
        bool(len(row)) and bool(source.tokens.is_text[row].all()) for row in (pieces[i] for i in range(len(new)))
    ]
    assert sum(is_spelt) >= len(new) / 2
    for row in np.flatnonzero(is_spelt).tolist():
        assert b"".join(source.tokens.surfaces[token] for token in pieces[row]) == new.surfaces[row]
    assert Constituents().align(transfer(source, new, all_text(source))).is_convex.all()


def test_the_spelling_of_a_token_is_not_fed_to_the_tokenizer_as_text() -> None:
    source, text = byte_level(), " 사람"
    new = table([text.encode()])
    mojibake = source.encode(["ĠìĤ¬ëŀĮ"])[0]
    right = source.encode([text])[0]
    assert set(np.flatnonzero(weights(Constituents().align(transfer(source, new, all_text(source))))[0])) == set(right)
    assert set(mojibake) != set(right)


def test_bytes_that_are_no_character_are_cut_into_bytes() -> None:
    source, part = byte_level(), "람".encode()[:2]
    alignment = Constituents().align(transfer(source, table([part]), all_text(source)))
    assert {source.tokens.surfaces[token] for token, _ in alignment.sources(0)} == {b"\xeb", b"\x9e"}


def test_unusable_pieces_are_left_out_and_the_rest_share_their_weight() -> None:
    source = of_merges(("a", "b"))
    usable = all_text(source)
    usable[token(source, "ab")] = False
    alignment = Constituents("length").align(transfer(source, table([b"abcd"]), usable))
    assert dict(alignment.sources(0)) == pytest.approx({token(source, piece): 0.5 for piece in "cd"})
    assert alignment.evidence.tolist() == [2]


def test_the_first_piece_is_the_first_usable_one() -> None:
    source = of_merges(("a", "b"))
    usable = all_text(source)
    usable[token(source, "ab")] = False
    alignment = Constituents("first").align(transfer(source, table([b"abcd"]), usable))
    assert alignment.sources(0) == [(token(source, "c"), 1.0)]


def test_a_token_without_a_usable_piece_gets_the_mean_and_no_evidence() -> None:
    source = of_merges(("a", "b"))
    usable = all_text(source)
    usable[token(source, "ab")] = False
    alignment = Constituents().align(transfer(source, table([b"abab", b"cd"]), usable))
    assert alignment.origins.tolist() == [Origin.FALLBACK, Origin.ALIGNED]
    assert alignment.evidence.tolist() == [0, 2]
    np.testing.assert_allclose(weights(alignment)[0], usable / usable.sum())
    assert alignment.sources(0) == []
    assert alignment.shared_share(0) == 1


def test_a_word_that_wordpiece_cannot_spell_gets_the_mean() -> None:
    source = wordpiece()
    alignment = Constituents().align(transfer(source, table(["語".encode(), b"the"]), all_text(source)))
    assert alignment.origins.tolist() == [Origin.FALLBACK, Origin.ALIGNED]


def test_an_unknown_weighting_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match=r"no weighting called 'unifrom'\. Did you mean 'uniform'\?"):
        Constituents("unifrom")
