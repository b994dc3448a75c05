from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.contracts.inputs import DIMENSIONS, NEW, base, materials, new_ids, transfer
from tests.strategies import FLOAT_TYPES
from vocabx.core.alignment import Alignment
from vocabx.core.arrays import Matrix
from vocabx.core.initialization import Initialization
from vocabx.core.transfer import Materials, Transfer
from vocabx.initializers.table import INITIALIZERS

MATRICES = ("input", "head", "bias")
QUICKLY = {"dimensions": 8, "epochs": 2, "minimum_count": 1}
LEARNING = {"candidates": 8, "rank": 4, "epochs": 2}


@dataclass(frozen=True)
class Case:
    """A method with options that make it quick, and materials in the place of the usual ones."""

    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    instead: Mapping[str, Any] = field(default_factory=dict)


OPTIONS = {"focus": QUICKLY, "tokalign": QUICKLY, "cw2v": LEARNING}
CASES = {name: Case(name, OPTIONS.get(name, {})) for name in INITIALIZERS} | {
    "wechsel, two files": Case("wechsel", {}, {"target_vectors": "other.vec"}),
    "wechsel, trained": Case("wechsel", QUICKLY, {"source_vectors": None, "target_vectors": None}),
    "cw2v, parallel": Case("cw2v", LEARNING, {"dictionary": None}),
    "focus, centred": Case("focus", QUICKLY | {"centre": True}),
}
DRAWN = {"hewitt", "multivariate", "downey", "univariate", "random"}
LEARNED = {"focus", "focus, centred", "tokalign", "wechsel, trained", "cw2v", "cw2v, parallel"}
"""Alignments that follow from text and a draw: of the start of trained vectors, or of what is exchanged in the text."""
SEEDED = DRAWN | LEARNED | {"convex-random"}
TOGETHER = {"cw2v", "cw2v, parallel", "focus, centred", "wechsel, trained", "wechsel, two files"}
"""What a token gets depends on the others: all learn at once, their mean is taken away, or their scripts choose the
pairs of the dictionary."""

ONLY = {
    "target text": {"corpus"},
    "source words": {"source_vectors"},
    "target words": {"target_vectors"},
    "multilingual vectors": {"source_vectors", "target_vectors"},
    "dictionary or parallel text": {"dictionary"},
    "parallel text": {"parallel"},
    "donor model": {"donor"},
    "encoder": {"encoder"},
}
"""Need → the least that meets it."""


@dataclass(frozen=True)
class Methods:
    """Asks methods for their rules, once for each seed and choice of tokens."""

    given: Materials
    folder: Path
    asked: dict[tuple[str, int, tuple[int, ...]], Initialization] = field(default_factory=dict)

    def __call__(self, case: str, seed: int = 0, ids: Sequence[int] | None = None) -> Initialization:
        key = case, seed, new_ids() if ids is None else tuple(ids)
        if key not in self.asked:
            self.asked[key] = self.afresh(case, self.transfer(case, seed, key[2]))
        return self.asked[key]

    def afresh(self, case: str, told: Transfer) -> Initialization:
        """Ask again, whatever was asked before."""
        result = INITIALIZERS[CASES[case].method].load(**CASES[case].options).initialize(told)
        assert isinstance(result, Initialization)
        return result

    def transfer(self, case: str, seed: int = 0, ids: Sequence[int] | None = None) -> Transfer:
        """Return what the method of a case is told."""
        instead: dict[str, Any] = {name: to and self.folder / to for name, to in CASES[case].instead.items()}
        return transfer(replace(self.given, **instead), seed, ids)


@pytest.fixture(scope="module")
def methods(tmp_path_factory: pytest.TempPathFactory) -> Methods:
    folder = tmp_path_factory.mktemp("materials")
    return Methods(materials(folder), folder)


def made(initialization: Initialization, name: str, matrix: Matrix | None = None) -> NDArray[np.float32]:
    """Rows of one matrix as the checkpoint writer makes them."""
    matrix = base().matrices[name] if matrix is None else matrix
    blocks = list(getattr(initialization, name).blocks(matrix))
    return np.concatenate([np.empty((0, matrix.shape[1]), np.float32), *blocks])


def alignments(initialization: Initialization) -> list[Alignment]:
    rules = [getattr(initialization, name) for name in MATRICES]
    assert all(isinstance(rule, Alignment) for rule in rules)
    return rules


@cache
def spoilt(name: str, garbage: float) -> NDArray[np.float32]:
    """A matrix of the base with garbage in all rows that must not be used."""
    matrix = base().matrices[name].copy()
    matrix[: len(base().usable)][~base().usable] = garbage
    matrix[len(base().usable) :] = garbage
    return matrix


every_method = pytest.mark.parametrize("method", list(CASES))
every_matrix = pytest.mark.parametrize("name", MATRICES)
aligning_methods = pytest.mark.parametrize("method", [name for name in CASES if name not in DRAWN])
convex_methods = pytest.mark.parametrize("method", [name for name in CASES if INITIALIZERS[CASES[name].method].convex])
drawing_methods = pytest.mark.parametrize("method", sorted(DRAWN))
one_by_one = pytest.mark.parametrize("method", [name for name in CASES if name not in TOGETHER])


@every_method
def test_a_method_draws_or_aligns(methods: Methods, method: str) -> None:
    rules = [getattr(methods(method), name) for name in MATRICES]
    assert {isinstance(rule, Alignment) for rule in rules} == {method not in DRAWN}


@aligning_methods
def test_a_method_finds_something_in_these_materials(methods: Methods, method: str) -> None:
    """Otherwise these tests would be about its fallback."""
    usual = "mean" if method == "constituents" else "constituents"
    assert made(methods(method), "head").tobytes() != made(methods(usual), "head").tobytes() or method == "mean"


@every_method
@every_matrix
def test_every_new_token_gets_one_finite_row_that_is_not_zero(methods: Methods, method: str, name: str) -> None:
    rows = made(methods(method), name)
    assert rows.shape == (len(NEW), base().matrices[name].shape[1])
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()
    assert rows.any(axis=1).all()


@every_method
def test_the_same_seed_gives_the_same_bytes(methods: Methods, method: str) -> None:
    again = methods.afresh(method, methods.transfer(method, 7))
    for name in MATRICES:
        assert made(methods(method, 7), name).tobytes() == made(again, name).tobytes()


@every_method
@every_matrix
def test_another_seed_changes_what_is_drawn_and_nothing_else(methods: Methods, method: str, name: str) -> None:
    is_same = made(methods(method, 7), name).tobytes() == made(methods(method, 8), name).tobytes()
    assert is_same == (method not in SEEDED)


@drawing_methods
def test_each_matrix_is_drawn_from_a_stream_of_its_own(methods: Methods, method: str) -> None:
    initialization, matrix = methods(method), base().matrices["input"]
    drawn = [made(initialization, name, matrix) for name in MATRICES]
    for one, other in [(0, 1), (0, 2), (1, 2)]:
        assert not np.isclose(drawn[one], drawn[other], rtol=1e-9).any()


@every_method
@every_matrix
@pytest.mark.parametrize("garbage", [1e6, np.nan, np.inf, 0.0])
def test_unusable_rows_have_no_influence(methods: Methods, method: str, name: str, garbage: float) -> None:
    rows = made(methods(method), name, spoilt(name, garbage))
    assert rows.tobytes() == made(methods(method), name).tobytes()


@every_method
def test_nothing_is_learned_from_unusable_rows(methods: Methods, method: str) -> None:
    told = methods.transfer(method)
    told = replace(told, input_rows=spoilt("input", 1e6), head_rows=spoilt("head", -1e6))
    initialization = methods.afresh(method, told)
    for name in MATRICES:
        assert made(initialization, name).tobytes() == made(methods(method), name).tobytes()


@aligning_methods
def test_only_usable_tokens_are_sources(methods: Methods, method: str) -> None:
    """So no special token, no reserved one, and no id without a token."""
    for alignment in alignments(methods(method)):
        assert base().usable[alignment.weights.indices].all()
        assert base().usable[alignment.shared.indices].all()


@aligning_methods
def test_each_source_of_a_row_stands_once_and_in_order(methods: Methods, method: str) -> None:
    for alignment in alignments(methods(method)):
        for row in range(len(alignment)):
            sources = alignment.weights.indices[alignment.weights.indptr[row] : alignment.weights.indptr[row + 1]]
            assert (np.diff(sources) > 0).all()
        assert alignment.weights.data.all()


@every_method
@every_matrix
def test_every_usable_row_may_have_influence_and_some_has(methods: Methods, method: str, name: str) -> None:
    matrix = base().matrices[name].copy()
    matrix[: len(base().usable)][base().usable] *= 2
    assert made(methods(method), name, matrix).tobytes() != made(methods(method), name).tobytes()


@every_method
@every_matrix
def test_the_source_rows_are_left_as_they_are(methods: Methods, method: str, name: str) -> None:
    matrix = base().matrices[name].copy()
    matrix.flags.writeable = False
    before = matrix.tobytes()
    made(methods(method), name, matrix)
    assert matrix.tobytes() == before


@every_method
@every_matrix
def test_no_new_tokens_give_no_rows(methods: Methods, method: str, name: str) -> None:
    assert made(methods(method, ids=[]), name).shape == (0, base().matrices[name].shape[1])


@one_by_one
@every_matrix
def test_new_tokens_get_the_rows_they_get_among_others(methods: Methods, method: str, name: str) -> None:
    """Rows are made in order, so the first are the first whatever follows them."""
    first = made(methods(method, ids=new_ids()[:2]), name)
    np.testing.assert_allclose(first, made(methods(method), name)[:2], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", [name for name in CASES if name not in DRAWN | TOGETHER | {"convex-random"}])
@every_matrix
def test_tokens_in_another_order_get_the_same_rows(methods: Methods, method: str, name: str) -> None:
    turned = made(methods(method, ids=new_ids()[::-1]), name)
    np.testing.assert_allclose(turned[::-1], made(methods(method), name), rtol=1e-5, atol=1e-6)


@every_method
@every_matrix
@pytest.mark.parametrize("dtype", FLOAT_TYPES, ids=str)
def test_a_mapped_matrix_of_any_type_gives_the_rows_of_its_values(
    methods: Methods, method: str, name: str, dtype: np.dtype[Any], tmp_path: Path
) -> None:
    stored = base().matrices[name].astype(dtype)
    stored.tofile(tmp_path / "matrix")
    mapped = np.memmap(tmp_path / "matrix", dtype, "r", shape=stored.shape)
    rows = made(methods(method), name, mapped)
    assert rows.tobytes() == made(methods(method), name, stored).tobytes()
    assert rows.tobytes() == made(methods(method), name, stored.astype(np.float32)).tobytes()


@every_method
def test_the_table_says_whether_the_rows_are_convex(methods: Methods, method: str) -> None:
    assert INITIALIZERS[CASES[method].method].convex == methods(method).is_convex


@pytest.mark.parametrize("method", [name for name in INITIALIZERS if INITIALIZERS[name].needs])
def test_a_method_needs_no_more_than_the_table_says(methods: Methods, method: str) -> None:
    needed = set().union(*(ONLY[need] for need in INITIALIZERS[method].needs))
    least = Materials(**{name: getattr(methods.given, name) for name in needed})
    initialization = methods.afresh(method, transfer(least))
    assert np.isfinite(made(initialization, "input")).all()


@convex_methods
@pytest.mark.parametrize("sharpness", [0.1, 1.0, 30.0])
def test_no_new_token_can_win_over_all_old_ones_right_after_a_convex_extension(
    methods: Methods, method: str, sharpness: float
) -> None:
    """The law of the largest logit: z_new = sum of w_i z_i <= max z, with the bias made by the head's weights."""
    initialization, usable = methods(method), base().usable
    hidden = np.random.default_rng(1).normal(0, sharpness, (500, DIMENSIONS))
    old_head, old_bias = (base().matrices[name][: len(usable)][usable].astype(np.float64) for name in ("head", "bias"))
    old = hidden @ old_head.T + old_bias[:, 0]
    new = hidden @ made(initialization, "head").T + made(initialization, "bias")[:, 0]
    largest = old.max(axis=1)
    assert (new.max(axis=1) <= largest + 1e-5 * np.abs(old).max(axis=1)).all()


@convex_methods
@every_matrix
def test_convex_rows_stay_within_the_range_of_each_dimension(methods: Methods, method: str, name: str) -> None:
    rows = made(methods(method), name)
    old = base().matrices[name][: len(base().usable)][base().usable]
    tolerance = 1e-5
    assert (rows >= old.min(axis=0) - tolerance).all()
    assert (rows <= old.max(axis=0) + tolerance).all()


@every_method
@pytest.mark.parametrize("dtype", FLOAT_TYPES, ids=str)
def test_rows_can_be_stored_in_the_type_of_the_base(methods: Methods, method: str, dtype: np.dtype[Any]) -> None:
    stored = made(methods(method), "input", base().matrices["input"].astype(dtype)).astype(dtype)
    assert np.isfinite(stored.astype(np.float32)).all()
    assert stored.any(axis=1).all()
