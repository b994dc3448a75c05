from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tokenizer_tools.toys import TOYS, byte_level, metaspace, of_merges
from vocabx.aligners.merge import Merge
from vocabx.core.alignment import Alignment, Origin
from vocabx.core.arrays import Ints
from vocabx.core.errors import InputError
from vocabx.core.transfer import Transfer
from vocabx.tokenizer_tools.read import FastSegmenter


def transfer(source: FastSegmenter, target: FastSegmenter, *pieces: str) -> Transfer:
    """To the named pieces, or to all that the source lacks."""
    whole = Transfer(source, target, np.arange(0), np.array(source.tokens.is_text))
    missing = np.flatnonzero((whole.shared < 0) & target.tokens.is_text)
    return whole.with_new_ids(np.array([target.tokens.pieces.index(piece) for piece in pieces]) if pieces else missing)


def row(alignment: Alignment, source: FastSegmenter, place: int = 0) -> dict[str, float]:
    return {source.tokens.pieces[token]: weight for token, weight in alignment.sources(place)}


def oracle(between: Transfer, token: int) -> dict[int, float]:
    """Follow the definition, one token at a time."""
    source, target = between.source, between.target

    @cache
    def leaves(token: int) -> tuple[tuple[int, float], ...]:
        if between.shared[token] >= 0:
            return ((int(between.shared[token]), 1.0),)
        found = list[tuple[int, float]]()
        ways = [(int(a), int(b)) for a, b, joined in target.merges if joined == token]
        for parts in ways:
            for part in parts:
                found += [(leaf, weight / 2 / len(ways)) for leaf, weight in leaves(part)]
        if not ways:
            pieces = source.segment_surfaces(target.tokens.select([token]))[0]
            kept = [int(piece) for piece in pieces if between.usable[piece]]
            found = [(piece, 1 / len(kept)) for piece in kept]
        return tuple(found)

    total: dict[int, float] = {}
    for leaf, weight in leaves(token):
        total[leaf] = total.get(leaf, 0) + weight
    mass = sum(total.values())
    return {leaf: weight / mass for leaf, weight in total.items()}


def test_weights_halve_at_every_level() -> None:
    source, target = of_merges(), of_merges(("a", "b"), ("ab", "c"))
    alignment = Merge().align(transfer(source, target, "abc"))
    assert row(alignment, source) == {"a": 0.25, "b": 0.25, "c": 0.5}
    assert alignment.evidence.tolist() == [3]


def test_the_recursion_stops_at_what_the_base_has() -> None:
    source, target = of_merges(("a", "b")), of_merges(("a", "b"), ("ab", "c"), ("abc", "d"))
    assert row(Merge().align(transfer(source, target, "abcd")), source) == {"d": 0.5, "ab": 0.25, "c": 0.25}


def test_merges_that_make_the_same_token_share_its_weight() -> None:
    source, target = of_merges(("b", "c")), of_merges(("a", "b"), ("b", "c"), ("ab", "c"), ("a", "bc"))
    weights = row(Merge().align(transfer(source, target, "abc")), source)
    assert weights == pytest.approx({"a": 0.125 + 0.25, "b": 0.125, "c": 0.25, "bc": 0.25})


def test_a_part_that_is_unusable_is_taken_apart_in_turn() -> None:
    source, target = of_merges(("a", "b")), of_merges(("a", "b"), ("ab", "c"))
    between = transfer(source, target, "abc")
    usable = between.usable.copy()
    usable[source.tokens.pieces.index("ab")] = False
    assert row(Merge().align(replace(between, usable=usable)), source) == {"a": 0.25, "b": 0.25, "c": 0.5}


@pytest.mark.parametrize("pair", [(byte_level, metaspace), (metaspace, byte_level)])
@settings(max_examples=10)
@given(seed=st.integers(0, 100))
def test_trained_tokenizers_get_the_weights_of_the_definition(pair: tuple[object, object], seed: int) -> None:
    source, target = (toy() for toy in pair)  # type: ignore[operator]
    between = transfer(source, target)
    usable = between.usable & (np.random.default_rng(seed).random(len(source.tokens)) < 0.8)
    sample = np.random.default_rng(seed).choice(between.new_ids, 20, replace=False)
    between = replace(between, usable=usable, new_ids=sample)
    alignment = Merge().align(between)
    assert alignment.is_convex.all()
    for place, token in enumerate(sample.tolist()):
        if alignment.origins[place] == Origin.ALIGNED:
            assert dict(alignment.sources(place)) == pytest.approx(oracle(between, token))
        else:
            assert alignment.evidence[place] == 0


def test_a_character_that_no_merge_makes_is_made_of_its_bytes() -> None:
    target = metaspace()
    is_made = np.isin(np.arange(len(target.tokens)), target.merges[:, 2])
    alone = np.flatnonzero(target.tokens.is_text & ~is_made & (target.tokens.surface_lengths > 1))
    source = of_merges()
    alignment = Merge().align(transfer(source, target, target.tokens.pieces[alone[0]]))
    surface = target.tokens.surfaces[alone[0]]
    assert {source.tokens.surfaces[token] for token, _ in alignment.sources(0)} == {bytes([byte]) for byte in surface}


@pytest.mark.parametrize("family", ["Unigram", "WordPiece"])
def test_a_tokenizer_without_merges_is_refused_with_another_method(family: str) -> None:
    with pytest.raises(InputError, match=r"The method merge follows the merges .* has none: use constituents instead"):
        Merge().align(transfer(byte_level(), TOYS[family]()))


def test_no_new_tokens_give_no_rows() -> None:
    between = transfer(byte_level(), metaspace())
    none: Ints = np.arange(0)
    assert len(Merge().align(between.with_new_ids(none))) == 0
