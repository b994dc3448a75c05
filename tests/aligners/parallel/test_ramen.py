from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from tests.aligners.parallel.test_trans_tokenization import SOURCE, TARGET, transfer
from tests.aligners.parallel.translated import cipher, write_parallel
from tests.tokenizer_tools.toys import TOYS, byte_level, english, korean, llama3_like
from vocabx.aligners.parallel.ramen import WEIGHINGS, Ramen
from vocabx.core.alignment import Origin
from vocabx.core.errors import InputError, UnknownNameError

counts_of_a_row = st.lists(st.integers(1, 50), min_size=1, max_size=6)


def weigh(name: str, *rows: list[int]) -> list[list[float]]:
    width = max(map(len, rows))
    dense = np.array([[*row, *[0] * (width - len(row))] for row in rows], np.float64)
    matrix = csr_array(dense)
    return [found[: len(row)] for row, found in zip(rows, WEIGHINGS[name](matrix).toarray().tolist(), strict=True)]


@given(counts_of_a_row, counts_of_a_row)
def test_sparsemax_is_the_nearest_point_of_the_simplex_to_the_logarithms(row: list[int], other: list[int]) -> None:
    found, logs = np.array(weigh("sparsemax", other, row)[1]), np.log(row)
    assert found.sum() == pytest.approx(1)
    assert (found >= 0).all()
    # That point is where all that is left over equals one threshold, and what has no weight lies below it.
    threshold = (logs - found)[found > 0]
    np.testing.assert_allclose(threshold, threshold[0])
    assert (logs[found == 0] <= threshold[0] + 1e-9).all()


def test_ranks_weigh_one_a_half_a_third() -> None:
    assert weigh("rank", [2, 9, 5], [4]) == [[1 / 3, 1.0, 0.5], [1.0]]


def test_counts_are_taken_as_they_are() -> None:
    assert weigh("count", [2, 9]) == [[2, 9]]


@pytest.mark.parametrize("weighing", WEIGHINGS)
def test_tokens_of_a_cipher_find_their_images(weighing: str, tmp_path: Path) -> None:
    lines = cipher(400)[0]
    words = {f"w{n}": (chr(ord("A") + n % 20), chr(ord("a") + n % 20)) for n in range(40)}
    # one byte a word and no spaces, so that every token is a letter
    source, target = ([" ".join(words[word][side] for word in line.split()) for line in lines] for side in (0, 1))
    between = transfer(SOURCE, SOURCE, write_parallel(tmp_path, source, target))
    alignment = Ramen(weighing).align(between)
    for n in range(5, 20):
        row = alignment.sources(between.new.surfaces.index(words[f"w{n}"][1].encode()))
        assert SOURCE.tokens.surfaces[row[0][0]] == words[f"w{n}"][0].encode()
    assert alignment.is_convex.all()


def test_given_links_join_tokens_at_the_same_place_of_linked_words(tmp_path: Path) -> None:
    between = transfer(SOURCE, TARGET, write_parallel(tmp_path, ["abd d"] * 3, ["xyzz x"] * 3, ["0-0"] * 3))
    alignment = Ramen().align(between)
    row = {surface: alignment.sources(i) for i, surface in enumerate(between.new.surfaces)}
    assert row[b"xy"] == [(SOURCE.tokens.surfaces.index(b"ab"), 1.0)]
    assert row[b"zz"] == [(SOURCE.tokens.surfaces.index(b"d"), 1.0)]
    assert row[b"x"] == []
    assert alignment.evidence[between.new.surfaces.index(b"xy")] == 3


@pytest.mark.parametrize("family", TOYS)
def test_rows_are_convex_for_every_family(family: str, tmp_path: Path) -> None:
    parallel = write_parallel(tmp_path, korean()[:60], english()[:60])
    alignment = Ramen(keep=3).align(transfer(llama3_like(), TOYS[family](), parallel))
    assert alignment.is_convex.all()
    assert (np.diff(alignment.weights.indptr) <= 3).all()
    assert (alignment.origins == Origin.ALIGNED).any()


def test_without_translated_lines_it_says_what_is_missing() -> None:
    with pytest.raises(InputError, match="reads translated lines: give the parallel text"):
        Ramen().align(transfer(byte_level(), TARGET))


def test_an_unknown_weighing_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="no weighing called 'ranks'"):
        Ramen("ranks")
    with pytest.raises(UnknownNameError, match=r"no symmetrization called 'onion'\. Did you mean 'union'"):
        Ramen(symmetrization="onion")
