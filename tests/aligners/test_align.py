from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.tokenizer_tools.toys import TOYS, byte_level, korean, llama3_like, metaspace, of_merges
from vocabx.aligners.align import Align
from vocabx.aligners.constituents import Constituents
from vocabx.core.alignment import Alignment, Origin
from vocabx.core.corpus import Corpus
from vocabx.core.errors import InputError, UnknownNameError
from vocabx.core.transfer import Materials, Transfer
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.surfaces import Family, surface_to_piece


def transfer(source: FastSegmenter, target: FastSegmenter, folder: Path, *lines: str) -> Transfer:
    file = folder / "corpus.txt"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    whole = Transfer(
        source, target, np.arange(0), np.array(source.tokens.is_text), materials=Materials(corpus=Corpus.open([file]))
    )
    return whole.with_new_ids(np.flatnonzero((whole.shared < 0) & target.tokens.is_text))


def row(alignment: Alignment, between: Transfer, surface: bytes) -> dict[str, float]:
    place = between.new.surfaces.index(surface)
    return {between.source.tokens.pieces[token]: weight for token, weight in alignment.sources(place)}


def oracle(between: Transfer, lines: list[str]) -> dict[int, Counter[tuple[int, ...]]]:
    """Try all source tokens for each token, line by line, and grow a span until both sides end there."""
    seen: dict[int, Counter[tuple[int, ...]]] = {}
    for line in lines:
        source, target = between.source.segment_lines([line]), between.target.segment_lines([line])
        ends = [s.byte_ends(side.tokens).tolist() for s, side in ((source, between.source), (target, between.target))]
        both = {0, *ends[0]} & {0, *ends[1]}
        for place, token in enumerate(target.ids[0].tolist()):
            begin = max(edge for edge in both if edge <= (ends[1][place - 1] if place else 0))
            end = min(edge for edge in both if edge >= ends[1][place])
            starts = [0, *ends[0]]
            inside = [i for i in range(len(ends[0])) if begin <= starts[i] and ends[0][i] <= end]
            seen.setdefault(token, Counter())[tuple(source.ids[0][inside].tolist())] += 1
    return seen


def frequent_pairs(text: str, merges: int) -> list[tuple[str, str]]:
    """Pairs of neighbouring bytes, as byte-level pieces; unlike a trained tokenizer's they cross characters."""
    spelt = surface_to_piece(text.encode(), Family.BYTE_LEVEL)
    return [pair for pair, _ in Counter(pairwise(spelt)).most_common(merges)]


def test_every_occurrence_counts_and_groups_are_weighted_by_how_often_they_are_seen(tmp_path: Path) -> None:
    source, target = of_merges(("b", "x")), of_merges(("a", "b"), ("ab", "c"))
    between = transfer(source, target, tmp_path, "abc abc", "abc", "abx")
    alignment = Align().align(between)
    assert row(alignment, between, b"abc") == pytest.approx({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3})
    assert row(alignment, between, b"ab") == {"a": 0.5, "bx": 0.5}
    places = [between.new.surfaces.index(surface) for surface in (b"abc", b"ab")]
    assert alignment.evidence[places].tolist() == [3, 1]


def test_korean_lines_give_what_brute_force_gives(tmp_path: Path) -> None:
    lines = list(korean()[:60])
    source, target = llama3_like(), of_merges(*frequent_pairs("".join(lines), 60))
    between = transfer(source, target, tmp_path, *lines)
    seen = oracle(between, lines)
    alignment = Align(keep=0).align(between)
    for place, token in enumerate(between.new_ids.tolist()):
        groups = seen.get(token, Counter())
        assert alignment.evidence[place] == groups.total()
        expected: dict[int, float] = {}
        for group, count in groups.items():
            for piece in group:
                expected[piece] = expected.get(piece, 0) + count / len(group) / groups.total()
        assert dict(alignment.sources(place)) == pytest.approx(expected)
    assert (alignment.evidence > 0).sum() > 20


def test_only_the_most_frequent_groups_are_kept(tmp_path: Path) -> None:
    source, target = of_merges(("c", "x"), ("b", "c")), of_merges(("a", "b"))
    between = transfer(source, target, tmp_path, "abd", "abd", "abc")
    assert row(Align(keep=0).align(between), between, b"ab") == pytest.approx({"a": 3 / 6, "b": 2 / 6, "bc": 1 / 6})
    for chosen in (Align(keep=1), Align(minimum_count=2)):
        alignment = chosen.align(between)
        assert row(alignment, between, b"ab") == {"a": 0.5, "b": 0.5}
        assert alignment.evidence.tolist() == [2]


def test_within_a_group_the_weighting_is_that_of_constituents(tmp_path: Path) -> None:
    source, target = of_merges(("a", "b")), of_merges(("a", "b"), ("ab", "c"))
    between = transfer(source, target, tmp_path, "abc")
    for weighting in ("uniform", "length", "late", "early", "first"):
        found, expected = Align(weighting=weighting).align(between), Constituents(weighting).align(between)
        np.testing.assert_allclose(found.weights.toarray(), expected.weights.toarray())


def test_unusable_pieces_are_left_out_and_a_group_of_them_is_no_evidence(tmp_path: Path) -> None:
    source, target = of_merges(), of_merges(("a", "b"), ("x", "y"))
    between = transfer(source, target, tmp_path, "ab xy")
    usable = between.usable.copy()
    usable[[source.tokens.pieces.index(piece) for piece in "axy"]] = False
    alignment = Align().align(replace(between, usable=usable))
    assert row(alignment, between, b"ab") == {"b": 1.0}
    assert alignment.origins[between.new.surfaces.index(b"xy")] == Origin.FALLBACK


def test_a_token_that_the_text_does_not_hold_has_no_evidence(tmp_path: Path) -> None:
    between = transfer(of_merges(), of_merges(("a", "b")), tmp_path, "xyz")
    alignment = Align().align(between)
    assert alignment.origins.tolist() == [Origin.FALLBACK]
    assert alignment.evidence.tolist() == [0]


@pytest.mark.parametrize("left", TOYS)
@pytest.mark.parametrize("right", TOYS)
def test_rows_are_convex_between_all_families(left: str, right: str, tmp_path: Path) -> None:
    alignment = Align().align(transfer(TOYS[left](), TOYS[right](), tmp_path, *korean()[:20], "the language"))
    assert alignment.is_convex.all()


def test_lines_that_a_tokenizer_cannot_spell_are_told(tmp_path: Path) -> None:
    said: list[str] = []
    between = transfer(byte_level(), TOYS["WordPiece"](), tmp_path, "the 語", "the language")
    Align().align(replace(between, say=said.append))
    assert said == ["1 lines were left out: a tokenizer cannot spell them, or sees another text."]


def test_a_tokenizer_that_changes_case_is_matched_by_characters(tmp_path: Path) -> None:
    between = transfer(of_merges(("T", "h")), TOYS["WordPiece"](), tmp_path, "The THE the")
    alignment = Align(keep=0).align(between)
    place = next(i for i, piece in enumerate(between.new.pieces) if piece == "the")
    weights = {between.source.tokens.pieces[token]: weight for token, weight in alignment.sources(place)}
    groups = [{"Th": 1 / 2, "e": 1 / 2}, dict.fromkeys("THE", 1 / 3), dict.fromkeys("the", 1 / 3)]
    expected: Counter[str] = Counter()
    for group in groups:
        expected.update({piece: weight / 3 for piece, weight in group.items()})
    assert weights == pytest.approx(dict(expected))
    assert alignment.evidence[place] == 3


def test_without_a_corpus_it_says_what_is_missing() -> None:
    between = Transfer(byte_level(), metaspace(), np.arange(3), np.array(byte_level().tokens.is_text))
    with pytest.raises(InputError, match="The method align reads text in the target language: give a corpus"):
        Align().align(between)


def test_an_unknown_weighting_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'length'"):
        Align(weighting="lenght")
