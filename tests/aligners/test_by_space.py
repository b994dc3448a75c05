from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tests.strategies import table
from tests.tokenizer_tools.toys import of_merges
from tests.transfers import transfer
from vocabx.aligners.by_space import BySpace
from vocabx.aligners.solvers.softmax import SoftmaxNeighbours
from vocabx.aligners.space import TokenVectors
from vocabx.core.alignment import Alignment, Origin
from vocabx.core.arrays import Bools, Floats
from vocabx.core.errors import InputError
from vocabx.core.say import Say, say_nothing
from vocabx.core.transfer import Transfer

SOURCE = of_merges()
SOURCES, DIMENSIONS = len(SOURCE.tokens), 3


@dataclass(frozen=True)
class Fixed:
    """A space whose vectors are given."""

    source: Floats
    new: Floats

    def vectors(self, transfer: Transfer) -> TokenVectors:
        return TokenVectors(self.source, self.new)


@dataclass(frozen=True)
class Noting:
    """A solver that shares weight by the square of the product, drops what is small, and notes what it was asked."""

    asked: list[tuple[Floats, Floats]] = field(default_factory=list)

    def weigh(self, queries: Floats, keys: Floats, say: Say = say_nothing) -> csr_array:
        self.asked.append((queries, keys))
        return csr_array(squares(queries, keys))


def squares(queries: Floats, keys: Floats) -> NDArray[np.float64]:
    products = (queries.astype(np.float64) @ keys.T.astype(np.float64)) ** 2
    products[products < 0.1] = 0
    totals = products.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(products, totals, out=np.zeros_like(products), where=totals > 0))


def oracle(source: Floats, new: Floats, usable: Bools) -> NDArray[np.float64]:
    """Weights of one token after another over all source tokens, shape (N, S)."""
    rows = np.zeros((len(new), len(source)))
    for row, vector in enumerate(new):
        for token, key in enumerate(source):
            product = float(vector.astype(np.float64) @ key.astype(np.float64)) ** 2
            rows[row, token] = product if usable[token] and product >= 0.1 else 0
        rows[row] = rows[row] / rows[row].sum() if rows[row].any() else usable / usable.sum()
    return rows


def written_out(alignment: Alignment) -> NDArray[np.float64]:
    return np.asarray(alignment.weights.toarray() + alignment.shared_weights.toarray() @ alignment.shared.toarray())


def align(
    source: Floats, new: Floats, usable: Bools, solver: Noting | None = None, *, centre: bool = False
) -> Alignment:
    told = transfer(SOURCE, table([b"new%d" % row for row in range(len(new))]), usable)
    return BySpace(Fixed(source, new), solver or Noting(), centre).align(told)


def vectors(count: int, seed: int, unknown: float = 0.3) -> Floats:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, DIMENSIONS))
    rows[rng.random(count) < unknown] = 0
    return rows.astype(np.float32)


def most(seed: int = 0) -> Bools:
    return np.asarray(np.random.default_rng(seed).random(SOURCES) < 0.8)


@given(st.integers(0, 6), st.integers(0, 99))
def test_rows_are_the_solvers_over_usable_source_tokens_that_have_vectors(count: int, seed: int) -> None:
    source, new, usable = vectors(SOURCES, seed), vectors(count, seed + 1), most(seed)
    alignment = align(source, new, usable)
    np.testing.assert_allclose(written_out(alignment), oracle(source, new, usable), atol=1e-6)
    assert alignment.is_convex.all()


def test_the_solver_sees_no_row_of_zeros_and_no_unusable_token() -> None:
    source, new, usable, solver = vectors(SOURCES, 1), vectors(9, 2), most(), Noting()
    align(source, new, usable, solver)
    [(queries, keys)] = solver.asked
    np.testing.assert_array_equal(keys, source[usable & source.any(axis=1)])
    np.testing.assert_array_equal(queries, new[new.any(axis=1)])


def test_tokens_without_a_vector_or_a_neighbour_are_fallbacks_and_evidence_counts_sources() -> None:
    source, usable = np.zeros((SOURCES, DIMENSIONS), np.float32), np.ones(SOURCES, np.bool_)
    source[[5, 9]] = [[1, 0, 0], [1, 1, 0]]
    new = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    alignment = align(source, new, usable)
    assert alignment.origins.tolist() == [Origin.FALLBACK, Origin.ALIGNED, Origin.ALIGNED, Origin.FALLBACK]
    assert alignment.evidence.tolist() == [0, 2, 1, 0]
    assert alignment.sources(2) == [(9, 1.0)]
    np.testing.assert_allclose(written_out(alignment)[0], usable / SOURCES)


def test_a_centred_space_takes_the_mean_of_all_known_vectors_away_first() -> None:
    source, new, usable = vectors(SOURCES, 3), vectors(9, 4), most()
    for side in (source, new):  # far from zero, so that a row that is moved although it is not known is seen
        side[side.any(axis=1)] += 2
    known = np.concatenate([side[side.any(axis=1)] for side in (source, new)])
    mean = known.astype(np.float64).mean(axis=0)
    moved = [np.where(side.any(axis=1, keepdims=True), side - mean, 0).astype(np.float32) for side in (source, new)]
    centred = written_out(align(source, new, usable, centre=True))
    np.testing.assert_allclose(centred, oracle(moved[0], moved[1], usable), atol=1e-5)
    assert not np.allclose(centred, written_out(align(source, new, usable)), atol=1e-3)


def test_centring_tells_vectors_apart_that_point_one_way() -> None:
    source, new = vectors(SOURCES, 5, unknown=0), vectors(1, 6, unknown=0)
    told, solver = transfer(SOURCE, table([b"new"]), np.ones(SOURCES, np.bool_)), SoftmaxNeighbours(temperature=0.5)
    spread = BySpace(Fixed(source, new), solver, True).align(told)
    shifted = Fixed(source + np.float32(1000), new + np.float32(1000))
    uncentred, centred = (BySpace(shifted, solver, centre).align(told) for centre in (False, True))
    np.testing.assert_allclose(centred.weights.toarray(), spread.weights.toarray(), atol=1e-3)
    assert np.ptp(uncentred.weights.data) < 1e-3 < np.ptp(centred.weights.data)


@pytest.mark.parametrize("is_usable", [True, False])
def test_a_space_that_knows_no_usable_source_token_is_refused(is_usable: bool) -> None:
    source = np.full((SOURCES, DIMENSIONS), float(not is_usable), np.float32)
    with pytest.raises(InputError, match="No source token has a vector"):
        align(source, vectors(2, 0), np.full(SOURCES, is_usable))


def test_vectors_of_two_dimensions_are_refused() -> None:
    with pytest.raises(InputError, match="they are not in one space"):
        align(vectors(SOURCES, 0), np.ones((2, DIMENSIONS + 1), np.float32), most())
