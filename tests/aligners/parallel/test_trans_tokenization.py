from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.aligners.parallel.translated import write_parallel
from tests.tokenizer_tools.toys import TOYS, byte_level, english, korean, llama3_like, of_merges
from vocabx.aligners.parallel.linked_text import LinkedText
from vocabx.aligners.parallel.trans_tokenization import TransTokenization
from vocabx.aligners.parallel.translations import count_translations
from vocabx.core.alignment import Origin
from vocabx.core.errors import InputError, UnknownNameError
from vocabx.core.segmenter import Segmenter
from vocabx.core.transfer import Materials, Parallel, Transfer


def transfer(source: Segmenter, target: Segmenter, parallel: Parallel | None = None) -> Transfer:
    """To all tokens of the target that are text."""
    new_ids = np.flatnonzero(target.tokens.is_text)
    usable = np.array(source.tokens.is_text)
    return Transfer(source, target, new_ids, usable, materials=Materials(parallel=parallel))


SOURCE, TARGET = of_merges(("a", "b"), ("c", "d"), ("ab", "cd")), of_merges(("x", "y"), ("z", "z"))
WORDS = (["ab", "abc", "bcd", "d", "abcdd", "aaaa"], ["x", "xy", "yzz", "zzz", "xyxyx"])

linked_lines = st.lists(
    st.tuples(
        st.lists(st.sampled_from(WORDS[0]), min_size=1, max_size=4),
        st.lists(st.sampled_from(WORDS[1]), min_size=1, max_size=4),
    ).flatmap(
        lambda words: st.tuples(
            st.just(words[0]),
            st.just(words[1]),
            st.sets(st.tuples(st.integers(0, len(words[0]) - 1), st.integers(0, len(words[1]) - 1)), max_size=6),
        )
    ),
    min_size=1,
    max_size=4,
)


def linked(lines: list[tuple[list[str], list[str], set[tuple[int, int]]]]) -> LinkedText:
    return LinkedText(
        source_words=[source for source, _, _ in lines],
        target_words=[target for _, target, _ in lines],
        links=[np.array(sorted(found), np.int64).reshape(-1, 2) for _, _, found in lines],
        source_lines=[" ".join(source) for source, _, _ in lines],
        target_lines=[" ".join(target) for _, target, _ in lines],
    )


@settings(max_examples=60)
@given(linked_lines, st.sampled_from([0.0, 0.5, 1.0]))
def test_masses_and_counts_are_those_of_the_definition(
    lines: list[tuple[list[str], list[str], set[tuple[int, int]]]], whole_words: float
) -> None:
    between = transfer(SOURCE, TARGET)
    mass: dict[tuple[bytes, bytes], Fraction] = defaultdict(Fraction)
    counts: Counter[tuple[bytes, bytes]] = Counter()
    share = Fraction(whole_words)
    for source_words, target_words, links in lines:
        for i, j in links:
            # white space is a token of its own here, so the tokens of a word are those of the word alone
            left, right = (
                [segmenter.tokens.surfaces[token] for token in segmenter.segment_lines([word]).ids[0]]
                for segmenter, word in ((SOURCE, source_words[i]), (TARGET, target_words[j]))
            )
            for t, token in enumerate(right):
                for s, piece in enumerate(left):
                    a, b = len(left), len(right)
                    overlap = min(Fraction(s + 1, a), Fraction(t + 1, b)) - max(Fraction(s, a), Fraction(t, b))
                    mass[token, piece] += share / a + (1 - share) * max(overlap, Fraction(0)) * b
            counts.update({(token, piece) for token in right for piece in left})
    found = count_translations(between, linked(lines), whole_words)
    rows, columns = between.new.surfaces, SOURCE.tokens.surfaces
    for matrix, expected in ((found.mass, mass), (found.counts, counts)):
        cells = matrix.tocoo()
        got = {(rows[i], columns[j]): value for i, j, value in zip(*cells.coords, cells.data, strict=True) if value}
        assert got == pytest.approx({cell: float(value) for cell, value in expected.items() if value})


LINES = (["ab cd"] * 6 + ["ab d"] * 4, ["xy zz"] * 6 + ["xy z"] * 4, ["0-0 1-1"] * 10)


def test_weights_are_shares_of_the_mass_and_few_links_are_chance(tmp_path: Path) -> None:
    between = transfer(SOURCE, TARGET, write_parallel(tmp_path, *LINES))
    chosen = TransTokenization(minimum_count=5)
    alignment = chosen.align(between)
    row = {surface: alignment.sources(i) for i, surface in enumerate(between.new.surfaces)}
    ids = {surface: token for token, surface in enumerate(SOURCE.tokens.surfaces)}
    assert row[b"xy"] == [(ids[b"ab"], 1.0)]
    assert row[b"zz"] == [(ids[b"cd"], 1.0)]
    assert row[b"z"] == []
    places = [between.new.surfaces.index(surface) for surface in (b"xy", b"zz", b"z")]
    assert alignment.evidence[places].tolist() == [10, 6, 0]
    assert alignment.origins[places].tolist() == [Origin.ALIGNED, Origin.ALIGNED, Origin.FALLBACK]
    assert alignment.is_convex.all()


def test_half_the_mass_goes_to_the_whole_word_and_half_to_the_same_place(tmp_path: Path) -> None:
    parallel = write_parallel(tmp_path, ["abd c"], ["xyzz c"], ["0-0"])
    between = transfer(SOURCE, TARGET, parallel)
    alignment = TransTokenization(minimum_count=1).align(between)
    found = dict(alignment.sources(between.new.surfaces.index(b"xy")))
    assert {SOURCE.tokens.surfaces[token]: weight for token, weight in found.items()} == {b"ab": 0.75, b"d": 0.25}
    kept = TransTokenization(minimum_count=1, keep=1).align(between)
    assert kept.sources(between.new.surfaces.index(b"xy")) == [(SOURCE.tokens.surfaces.index(b"ab"), 1.0)]


def test_unusable_source_tokens_are_left_out(tmp_path: Path) -> None:
    between = transfer(SOURCE, TARGET, write_parallel(tmp_path, ["abd c"], ["xyzz c"], ["0-0"]))
    usable = between.usable.copy()
    usable[SOURCE.tokens.surfaces.index(b"ab")] = False
    alignment = TransTokenization(minimum_count=1).align(replace(between, usable=usable))
    assert alignment.sources(between.new.surfaces.index(b"xy")) == [(SOURCE.tokens.surfaces.index(b"d"), 1.0)]


@pytest.mark.parametrize("family", TOYS)
def test_rows_are_convex_for_every_family(family: str, tmp_path: Path) -> None:
    parallel = write_parallel(tmp_path, korean()[:60], english()[:60])
    alignment = TransTokenization(minimum_count=2).align(transfer(llama3_like(), TOYS[family](), parallel))
    assert alignment.is_convex.all()
    assert (alignment.origins == Origin.ALIGNED).any()


def test_without_translated_lines_it_says_what_is_missing() -> None:
    with pytest.raises(InputError, match="reads translated lines: give the parallel text"):
        TransTokenization().align(transfer(byte_level(), TARGET))


def test_a_share_outside_zero_and_one_is_refused() -> None:
    with pytest.raises(InputError, match=r"whole_words must be a share between 0 and 1, not 1\.5"):
        TransTokenization(whole_words=1.5)


def test_an_unknown_symmetrization_is_refused_when_the_method_is_made() -> None:
    with pytest.raises(UnknownNameError, match="no symmetrization called 'onion'"):
        TransTokenization(symmetrization="onion")
