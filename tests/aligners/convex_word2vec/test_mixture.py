from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from vocabx.aligners.convex_word2vec.candidates import choose_anchors, largest, wanted
from vocabx.aligners.convex_word2vec.mixture import Mixture


@given(st.integers(0, 2**32 - 1))
def test_weights_are_convex_whatever_the_logits(seed: int) -> None:
    generator = np.random.default_rng(seed)
    anchors = np.stack([generator.permutation(9)[:4] for _ in range(6)])
    anchors[0, 2:] = -1
    logits = np.where(anchors < 0, -np.inf, 30 * generator.standard_normal(anchors.shape)).astype(np.float32)
    mixture = Mixture(anchors, logits)
    sparse = mixture.to_sparse(9, 1e-3).toarray()
    assert (sparse >= 0).all()
    np.testing.assert_allclose(sparse.sum(axis=1), 1, atol=1e-12)
    matrix = generator.standard_normal((9, 3)).astype(np.float32)
    rows = mixture.rows(mixture.weights, matrix)
    np.testing.assert_allclose(rows, mixture.to_sparse(9, 0).toarray() @ matrix, atol=1e-5)


def test_a_mixture_starts_at_the_weights_it_is_given() -> None:
    weights = csr_array([[0.0, 0.25, 0.75, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    anchors = np.array([[2, 1, 0], [0, 3, -1], [3, 1, -1]])
    started = Mixture.start(anchors, weights).to_sparse(4, 0).toarray()
    np.testing.assert_allclose(started[:2], weights.toarray()[:2], atol=5e-4)
    np.testing.assert_allclose(started[2], [0, 0.5, 0, 0.5])


def test_a_row_without_anchors_is_zero_and_no_number_is_lost() -> None:
    mixture = Mixture.start(np.array([[-1, -1], [1, -1]]), csr_array((2, 3)))
    assert mixture.weights.tolist() == [[0, 0], [1, 0]]


def test_light_weights_are_pruned_and_the_rest_sums_to_one() -> None:
    mixture = Mixture(np.array([[0, 1, 2]]), np.log(np.array([[0.6, 0.3999, 0.0001]], np.float32)))
    sparse = mixture.to_sparse(3, 1e-3)
    assert sparse.indices.tolist() == [0, 1]
    np.testing.assert_allclose(sparse.data, [0.6 / 0.9999, 0.3999 / 0.9999], rtol=1e-6)


def test_anchors_are_usable_and_different_and_the_first_group_is_never_cut() -> None:
    usable = np.array([True, True, False, True, True, True])
    groups = [np.array([[5, 3, 2], [0, -1, -1]]), np.array([[3, 2, 1, 0], [4, 0, 4, 1]])]
    assert choose_anchors(groups, 2, usable).tolist() == [[5, 3, 1], [0, 4, 1]]


def test_the_largest_entries_of_rows_come_in_order() -> None:
    counts = csr_array([[0.0, 2.0, 5.0, 2.0], [0.0, 0.0, 0.0, 1.0]])
    assert largest(counts, 2).tolist() == [[2, 1], [3, -1]]


@given(st.integers(0, 2**32 - 1))
def test_wanted_rows_are_those_that_point_farthest(seed: int) -> None:
    generator = np.random.default_rng(seed)
    directions, keys = generator.standard_normal((5, 3)), generator.standard_normal((12, 3))
    usable = generator.random(12) < 0.7
    usable[:4] = True
    scores = np.where(usable, directions @ keys.T, -np.inf)
    expected = np.argsort(-scores, axis=1)[:, :4]
    assert (wanted(directions.astype(np.float32), keys.astype(np.float32), usable, 4) == expected).all()
