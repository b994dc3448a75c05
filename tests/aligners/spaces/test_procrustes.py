from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.stats import ortho_group

from vocabx.aligners.spaces.procrustes import (
    Procrustes,
    identical_words,
    matched_rows,
    most_frequent,
    orthogonal_map,
    principal_axes,
)
from vocabx.aligners.spaces.word_vectors import WordVectors
from vocabx.core.arrays import Floats
from vocabx.core.errors import InputError


def drawn(rows: int, dimensions: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=(rows, dimensions)).astype(np.float32)


def turn(dimensions: int, seed: int = 0) -> Floats:
    return np.asarray(ortho_group.rvs(dimensions, random_state=seed), np.float32)


def named(rows: Floats, prefix: str = "w") -> WordVectors:
    return WordVectors(tuple(f"{prefix}{number}" for number in range(len(rows))), rows)


def pairs(number: int) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(number), np.arange(number)


@pytest.mark.parametrize("seed", range(5))
def test_the_map_is_orthogonal_and_that_of_scipy(seed: int) -> None:
    source, target = drawn(50, 8, seed), drawn(50, 8, seed + 100)
    found = orthogonal_map(source, target)
    np.testing.assert_allclose(found @ found.T, np.eye(8), atol=1e-5)
    np.testing.assert_allclose(found, orthogonal_procrustes(source, target)[0], atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"centre": True}, {"normalise": True}, {"centre": True, "normalise": True}])
def test_a_turn_is_found_again_whatever_the_options(options: dict[str, bool]) -> None:
    source, true = drawn(60, 6), turn(6)
    found = Procrustes(**options).fit(named(source), named(source @ true), pairs(60))
    np.testing.assert_allclose(found, true, atol=1e-4)


def test_centring_and_normalising_change_what_is_fitted_as_a_dense_computation_says() -> None:
    source, target = drawn(40, 5) + 2, drawn(40, 5, 1) - 1
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (source, target)]
    centred = [rows - rows.mean(axis=0) for rows in unit]
    found = Procrustes(centre=True, normalise=True).fit(named(source), named(target), pairs(40))
    np.testing.assert_allclose(found, orthogonal_procrustes(*centred)[0], atol=1e-4)


def test_refinement_mends_a_turn_that_few_and_wrong_pairs_fixed() -> None:
    source, true = drawn(400, 10), turn(10)
    target = source @ true + 0.05 * drawn(400, 10, 1)
    few = np.arange(14), np.concatenate([np.arange(11), [50, 60, 70]])
    errors = [
        np.linalg.norm(Procrustes(refinements=rounds).fit(named(source), named(target), few) - true)
        for rounds in (0, 5)
    ]
    assert errors[0] > 0.3
    assert errors[1] < 0.05


def test_nine_variants_of_case_are_tried_and_count_as_often_as_they_are_found() -> None:
    source = WordVectors(("sun", "Sun", "SUN"), np.eye(3, dtype=np.float32))
    target = WordVectors(("sonne", "Sonne"), np.eye(3, dtype=np.float32)[:2])
    once = matched_rows([("SUN", "Sonne")], source, target)
    assert set(zip(*map(np.ndarray.tolist, once), strict=True)) == {(i, j) for i in (0, 1, 2) for j in (0, 1)}
    assert len(once[0]) == 6
    assert len(matched_rows([("SUN", "Sonne")], source, target, unique=False)[0]) == 9
    assert [rows.tolist() for rows in matched_rows([("sun", "Sonne")], source, target, cases=False)] == [[0], [1]]
    assert len(matched_rows([("moon", "Mond")], source, target)[0]) == 0


def test_words_spelt_alike_are_pivots() -> None:
    left, right = (WordVectors(words, drawn(3, 2)) for words in (("a", "API", "b"), ("API", "c", "b")))
    assert [rows.tolist() for rows in identical_words(left, right)] == [[1, 2], [0, 2]]


def test_the_most_frequent_words_are_those_of_the_highest_counts_or_else_the_first() -> None:
    counted = WordVectors(("a", "b", "c"), drawn(3, 2), np.array([1, 5, 5]))
    assert most_frequent(counted, 2).tolist() == [1, 2]
    assert most_frequent(named(drawn(3, 2)), 2).tolist() == [0, 1]


def test_principal_axes_keep_the_cosines_of_vectors_in_a_subspace() -> None:
    flat = drawn(50, 4) @ turn(9)[:4]
    axes = principal_axes(named(flat), 4)
    assert axes.shape == (9, 4)
    np.testing.assert_allclose((flat @ axes) @ (flat @ axes).T, flat @ flat.T, atol=1e-3)


def test_no_pair_is_an_error() -> None:
    with pytest.raises(InputError, match="no pair of words"):
        Procrustes().fit(named(drawn(3, 2)), named(drawn(3, 2)), pairs(0))
