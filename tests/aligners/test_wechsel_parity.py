"""The rows of `wechsel` 0.0.4, from the same word vectors, dictionary and embedding matrix."""

from __future__ import annotations

import numpy as np
import pytest

from tests.aligners.reference import FOLDER, answers, reference_transfer, segmenter
from vocabx.aligners.by_space import BySpace
from vocabx.aligners.solvers.softmax import SoftmaxNeighbours
from vocabx.aligners.space import TokenVectors
from vocabx.aligners.spaces.crosslingual import AlignedWords
from vocabx.core.alignment import Origin
from vocabx.core.arrays import Bools, Floats
from vocabx.core.transfer import Transfer

WAYS = ("compose", "incidence")
NEIGHBOURS = 10


def transfer(usable: Bools | None = None) -> Transfer:
    return reference_transfer(
        "source",
        "target",
        usable,
        dictionary=FOLDER / "dictionary.txt",
        source_vectors=FOLDER / "source-words.bin",
        target_vectors=FOLDER / "target-words.bin",
    )


def every_source_token() -> Bools:
    return np.ones(len(segmenter("source").tokens), np.bool_)


def cosines(vectors: TokenVectors) -> Floats:
    new, source = (
        np.divide(rows, norms, out=np.zeros_like(rows, dtype=np.float64), where=norms > 0)
        for rows in (vectors.new, vectors.source)
        for norms in [np.linalg.norm(rows, axis=1, keepdims=True)]
    )
    return np.asarray(new @ source.T, np.float32)


def untied(similarities: Floats) -> Bools:
    """Rows whose tenth neighbour is nearer than the eleventh, so that everyone must choose the same ten."""
    best = -np.sort(-similarities, axis=1)
    return np.asarray(best[:, NEIGHBOURS - 1] - best[:, NEIGHBOURS] > 1e-6)


@pytest.mark.parametrize("how", WAYS)
def test_the_words_are_turned_alike(how: str) -> None:
    space = AlignedWords(how=how, unique=False, parity=True, measure=False)
    turned, target, _ = space.align_words(transfer())
    plain, _, _ = AlignedWords(how=how, aligned=True).align_words(transfer())
    np.testing.assert_allclose(turned.rows, plain.rows @ answers("wechsel")[f"{how}.rotation"], atol=1e-5)
    assert len(target) > 300


@pytest.mark.parametrize("how", WAYS)
def test_every_token_is_as_near_to_its_neighbours_as_in_the_package(how: str) -> None:
    reference = answers("wechsel")
    similarities = cosines(AlignedWords(how=how, unique=False, parity=True).vectors(transfer()))
    made = reference[f"{how}.neighbours"][:, 0] >= 0
    best = -np.sort(-similarities, axis=1)[:, :NEIGHBOURS]
    np.testing.assert_allclose(best[made], reference[f"{how}.cosines"][made], atol=1e-5)
    chosen = np.take_along_axis(similarities, reference[f"{how}.neighbours"].astype(np.int64), axis=1)
    np.testing.assert_allclose(chosen[made], reference[f"{how}.cosines"][made], atol=1e-5)


@pytest.mark.parametrize(("how", "least"), [("compose", 400), ("incidence", 350)])
def test_the_rows_are_those_of_the_package_where_no_tie_decides(how: str, least: int) -> None:
    reference = answers("wechsel")
    space = AlignedWords(how=how, unique=False, parity=True)
    everything = transfer(every_source_token())
    alignment = BySpace(space, SoftmaxNeighbours(NEIGHBOURS, 0.1)).align(everything)
    made = reference[f"{how}.neighbours"][:, 0] >= 0
    np.testing.assert_array_equal(alignment.origins == Origin.ALIGNED, made)
    compared = made & untied(cosines(space.vectors(everything)))
    compared[everything.target.tokens.roles["eos"]] = False  # the package copies it, because it is spelt alike
    assert compared.sum() >= least
    rows = alignment.apply(reference["source_rows"])
    np.testing.assert_allclose(rows[compared], reference[f"{how}.rows"][compared], atol=1e-5)


def test_by_default_pieces_of_characters_and_special_tokens_have_no_vector_and_are_nobodys_neighbour() -> None:
    reference = answers("wechsel")
    usual = AlignedWords(measure=False)
    alignment = BySpace(usual, SoftmaxNeighbours(NEIGHBOURS, 0.1)).align(transfer())
    source, target = segmenter("source").tokens, segmenter("target").tokens
    pieces = np.flatnonzero(~target.is_complete)
    assert (reference["compose.neighbours"][pieces, 0] >= 0).all()  # the package makes them of "�" ...
    assert (alignment.origins[pieces] == Origin.FALLBACK).all()
    taken = reference["compose.neighbours"].astype(np.int64)
    doubtful = ~source.is_complete | ~source.is_text
    assert doubtful[taken[target.is_complete & (taken[:, 0] >= 0)]].any(axis=1).mean() > 0.1  # ... and others of them
    assert not alignment.weights[:, np.flatnonzero(doubtful)].nnz


def test_by_default_rows_without_a_doubtful_neighbour_are_those_of_the_package_too() -> None:
    reference = answers("wechsel")
    space = AlignedWords(unique=False, measure=False)
    alignment = BySpace(space, SoftmaxNeighbours(NEIGHBOURS, 0.1)).align(transfer())
    source, target = segmenter("source").tokens, segmenter("target").tokens
    published = cosines(AlignedWords(unique=False, parity=True, measure=False).vectors(transfer()))
    doubtful = (~source.is_complete | ~source.is_text)[reference["compose.neighbours"].astype(np.int64)].any(axis=1)
    compared = (alignment.origins == Origin.ALIGNED) & untied(published) & ~doubtful
    assert compared.sum() > 200
    rows = alignment.apply(reference["source_rows"])
    np.testing.assert_allclose(rows[compared], reference["compose.rows"][compared], atol=1e-5)
    assert not np.isclose(rows[doubtful], reference["compose.rows"][doubtful], atol=1e-5).all(axis=1).any()
    assert len(target) == len(rows)
