from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vocabx.aligners.parallel import ibm1
from vocabx.aligners.parallel.ibm1 import DiagonalModel
from vocabx.core.arrays import Ragged

Lines = list[tuple[list[int], list[int]]]

lines_of_words = st.lists(
    st.tuples(st.lists(st.integers(0, 4), max_size=5), st.lists(st.integers(0, 4), max_size=5)), min_size=1, max_size=5
).filter(lambda lines: any(target for _, target in lines))

PLAIN = DiagonalModel(iterations=6, learns_tension=False, concentration=0)


def fit(model: DiagonalModel, lines: Lines) -> ibm1.Fitted:
    return model.fit(Ragged.from_rows([s for s, _ in lines]), Ragged.from_rows([t for _, t in lines]))


def naive(model: DiagonalModel, lines: Lines) -> tuple[list[float], list[NDArray[np.float64]]]:
    """Plain maximum likelihood over dense tables; returns likelihoods and posteriors, null word first."""
    words = max(word for _, target in lines for word in target) + 1
    table = np.full((1 + max([word for source, _ in lines for word in source], default=0) + 1, words), 1 / words)
    likelihoods = []
    for step in range(model.iterations + 1):
        counts, likelihood, posteriors = np.zeros_like(table), 0.0, []
        for source, target in lines:
            m, n = len(source), len(target)
            for j, word in enumerate(target):
                prior = [math.exp(-model.tension * abs((i + 0.5) / m - (j + 0.5) / n)) for i in range(m)]
                total = sum(prior)
                prior = [model.null, *((1 - model.null) * p / total for p in prior)]
                joint = np.array(prior) * table[[0, *(s + 1 for s in source)], word]
                likelihood += math.log(joint.sum())
                posteriors.append(joint / joint.sum())
                np.add.at(counts[:, word], [0, *(s + 1 for s in source)], posteriors[-1])
        if step < model.iterations:
            likelihoods.append(likelihood)
            sums = counts.sum(axis=1, keepdims=True)
            table = np.divide(counts, sums, out=np.zeros_like(counts), where=sums > 0)
    return likelihoods, posteriors


@settings(max_examples=50)
@given(lines_of_words)
def test_likelihoods_and_links_are_those_of_dense_tables(lines: Lines) -> None:
    fitted = fit(PLAIN, lines)
    likelihoods, posteriors = naive(PLAIN, lines)
    np.testing.assert_allclose(fitted.likelihoods, likelihoods, rtol=1e-4, atol=1e-3)
    for link, posterior in zip(fitted.links.tolist(), posteriors, strict=True):
        assert posterior[link + 1] == pytest.approx(posterior.max(), rel=1e-3)


@settings(max_examples=50)
@given(lines_of_words)
def test_the_likelihood_never_falls(lines: Lines) -> None:
    for model in (PLAIN, DiagonalModel(iterations=6, concentration=0)):
        for before, after in pairwise(fit(model, lines).likelihoods):
            assert after >= before - 1e-3 * abs(before) - 1e-4


@given(lines_of_words, st.integers(1, 40))
@settings(max_examples=30)
def test_blocks_of_any_size_give_the_same(lines: Lines, size: int) -> None:
    whole = fit(DiagonalModel(), lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ibm1, "CELLS_PER_BLOCK", size)
        parts = fit(DiagonalModel(), lines)
    np.testing.assert_allclose(parts.likelihoods, whole.likelihoods, rtol=1e-5, atol=1e-5)


def cipher_lines(order: int) -> Lines:
    """Make lines whose translations are other numbers, in the same order (1) or backwards (-1)."""
    rng = np.random.default_rng(0)
    rows = [rng.integers(0, 50, rng.integers(3, 12)).tolist() for _ in range(400)]
    return [(row, [word + 7 for word in row][::order]) for row in rows]


@pytest.mark.parametrize("order", [1, -1])
def test_words_find_their_translations_in_either_order(order: int) -> None:
    lines = cipher_lines(order)
    links = fit(DiagonalModel(), lines).links
    found = Ragged(links, Ragged.from_rows([target for _, target in lines]).starts)
    right = [
        source[i] == word - 7
        for line, (source, target) in enumerate(lines)
        for word, i in zip(target, found[line].tolist(), strict=True)
        if i >= 0
    ]
    assert len(right) > 0.95 * len(links)
    assert np.mean(right) > 0.98


def test_the_tension_rises_where_the_order_is_kept_and_falls_where_it_is_turned() -> None:
    assert fit(DiagonalModel(), cipher_lines(1)).tension > 6
    assert fit(DiagonalModel(), cipher_lines(-1)).tension < 2


@pytest.mark.parametrize("size", [1, 100, 3000])
def test_blocks_of_any_size_give_the_same_tension(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = cipher_lines(1)[:100]  # text that says which tension is best; of a few words, any may be
    whole = fit(DiagonalModel(), lines)
    monkeypatch.setattr(ibm1, "CELLS_PER_BLOCK", size)
    assert fit(DiagonalModel(), lines).tension == pytest.approx(whole.tension, rel=1e-4)


def test_a_word_out_of_reach_is_no_candidate_and_long_lines_stay_small() -> None:
    source, target = list(range(200)), list(range(200, 300))
    cells = list(ibm1._blocks(Ragged.from_rows([source]), Ragged.from_rows([target]), 300, 10))
    assert sum(len(block.words) for block in cells) <= 100 * 22
    assert (np.abs(cells[0].sources - np.arange(100) * 2) <= 12).all()


def test_nothing_to_align_gives_no_links() -> None:
    assert fit(DiagonalModel(), [([1, 2], [])]).links.tolist() == []
    assert fit(DiagonalModel(), [([], [3, 4])]).links.tolist() == [-1, -1]
