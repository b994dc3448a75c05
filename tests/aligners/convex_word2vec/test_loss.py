from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vocabx.aligners.convex_word2vec.comparison import Comparison
from vocabx.aligners.convex_word2vec.loss import LOSSES, Rows, skip_gram
from vocabx.aligners.convex_word2vec.mixture import Mixture
from vocabx.aligners.convex_word2vec.pairs import Pairs
from vocabx.aligners.convex_word2vec.training import Model, Problem, logit_gradients

NEW, TYPES, DIMENSIONS = 3, 8, 5


def softplus(score: float) -> float:
    return float(np.logaddexp(0, score))


def naive(rows: Rows, pairs: Pairs, negatives: NDArray[np.int64], loss: str) -> float:
    """One pair and one negative at a time; what no new token has a part in is left out."""
    v, u = rows.centres.astype(float), rows.contexts.astype(float)
    total = 0.0
    for c, o, weight in zip(pairs.centres, pairs.contexts, pairs.weights, strict=True):
        total += weight * softplus(-(v[c] @ u[o] + rows.offset))
    for c, weight in enumerate(pairs.centre_weights):
        for draw in negatives:
            scores = [(v[c] @ u[o] + rows.offset, c < rows.new or o < rows.new) for o in draw]
            if loss == "sgns":
                total += weight / len(negatives) * sum(softplus(score) for score, counts in scores if counts)
            elif any(counts for _, counts in scores):
                total += weight / len(negatives) * softplus(sum(score for score, _ in scores))
    return total


def make(seed: int) -> tuple[Rows, Pairs, NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    centres, contexts = generator.standard_normal((2, TYPES, DIMENSIONS)).astype(np.float32)
    counts = generator.integers(0, 3, (TYPES, TYPES))
    row, column = np.nonzero(counts)
    kept = (row < NEW) | (column < NEW)
    pairs = Pairs(
        row[kept],
        column[kept],
        counts[row, column][kept].astype(np.float32),
        counts.sum(axis=1).astype(np.float32),
    )
    return Rows(centres, contexts, 0.3, NEW), pairs, generator.integers(0, TYPES, (4, 3))


@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_is_that_of_one_pair_and_one_negative_at_a_time(loss: str) -> None:
    rows, pairs, negatives = make(0)
    assert skip_gram(rows, pairs, negatives, loss).loss == pytest.approx(naive(rows, pairs, negatives, loss), rel=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("side", ["centres", "contexts"])
def test_the_gradient_of_the_rows_is_that_of_finite_differences(loss: str, side: str) -> None:
    rows, pairs, negatives = make(1)
    found = getattr(skip_gram(rows, pairs, negatives, loss), side)
    matrix = getattr(rows, side)
    expected = np.empty_like(found)
    for place in np.ndindex(*found.shape):
        values = []
        for step in (0.01, -0.02):
            matrix[place] += step
            values.append(naive(rows, pairs, negatives, loss))
        matrix[place] += 0.01
        expected[place] = (values[0] - values[1]) / 0.02
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_the_losses_differ_when_a_pair_has_several_negatives_and_agree_when_it_has_one() -> None:
    rows, pairs, negatives = make(2)
    several = [skip_gram(rows, pairs, negatives, loss).loss for loss in LOSSES]
    one = [skip_gram(rows, pairs, negatives[:, :1], loss).loss for loss in LOSSES]
    assert abs(several[0] - several[1]) > 1
    assert one[0] == pytest.approx(one[1], rel=1e-6)


@pytest.mark.parametrize("is_tied", [True, False])
def test_the_gradient_of_the_logits_is_that_of_finite_differences(is_tied: bool) -> None:
    _, pairs, negatives = make(3)
    generator = np.random.default_rng(3)
    sources = np.arange(TYPES - NEW)
    centres, contexts = generator.standard_normal((2, len(sources), DIMENSIONS)).astype(np.float32)
    compared = Comparison(centres, contexts, -0.5)
    problem = Problem(compared, sources, np.full(TYPES, 1 / TYPES), pairs, pairs)
    anchors = np.array([[0, 1, 2], [4, 2, -1], [3, 0, 1]])
    logits = np.where(anchors < 0, -np.inf, generator.standard_normal((2, NEW, 3))).astype(np.float32)
    mixtures = [Mixture(anchors, part) for part in logits[: 1 if is_tied else 2]]
    model = Model.of(mixtures)
    for mixture, found in zip(mixtures, logit_gradients(problem, model, pairs, negatives, "sgns"), strict=True):
        for place in zip(*np.nonzero(anchors >= 0), strict=True):
            values = []
            for step in (0.01, -0.02):
                mixture.logits[place] += step
                values.append(naive(problem.rows(model), pairs, negatives, "sgns"))
            mixture.logits[place] += 0.01
            assert found[place] == pytest.approx((values[0] - values[1]) / 0.02, rel=1e-2, abs=2e-3)
        assert not found[anchors < 0].any()
