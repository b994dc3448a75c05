from __future__ import annotations

import numpy as np
import pytest

from tests.strategies import table
from tests.tokenizer_tools.toys import byte_level
from tests.transfers import transfer
from vocabx.aligners.random_convex import RandomConvex
from vocabx.core.alignment import Alignment, Origin
from vocabx.core.arrays import Bools
from vocabx.core.errors import InputError


def some(count: int) -> Bools:
    """A few usable source tokens, not next to each other."""
    usable = np.zeros(len(byte_level().tokens), np.bool_)
    usable[np.arange(count) * 3 + 100] = True
    return usable


def aligned(count: int, sources: int = 10, usable: Bools | None = None, seed: int = 0) -> Alignment:
    """Weights of tokens that nothing is known of."""
    new = table([b"new%d" % token for token in range(count)])
    usable = some(50) if usable is None else usable
    return RandomConvex(sources).align(transfer(byte_level(), new, usable, seed))


@pytest.mark.parametrize("sources", [1, 3, 10])
def test_rows_are_convex_and_have_as_many_sources_as_are_asked_for(sources: int) -> None:
    alignment = aligned(30, sources)
    assert alignment.is_convex.all()
    assert np.diff(alignment.weights.indptr).tolist() == [sources] * 30
    assert some(50)[alignment.weights.indices].all()
    assert not alignment.shared_weights.nnz


def test_a_base_of_few_tokens_gives_what_it_has() -> None:
    alignment = aligned(5, 10, some(4))
    assert np.diff(alignment.weights.indptr).tolist() == [4] * 5
    assert alignment.is_convex.all()


def test_a_base_without_usable_tokens_is_refused() -> None:
    with pytest.raises(InputError, match="no usable embedding row"):
        aligned(5, usable=some(0))


def test_sources_and_weights_are_drawn_evenly() -> None:
    """A weight drawn evenly from the simplex over k sources has the mean 1 / k and the variance (k - 1) / k²(k + 1)."""
    rows, sources, tokens = 6000, 5, 50
    weights = aligned(rows, sources).weights
    expected = rows * sources / tokens
    chosen = np.bincount(weights.indices, minlength=len(some(0)))[some(tokens)]
    assert np.abs(chosen - expected).max() < 5 * np.sqrt(expected)
    variance = (sources - 1) / sources**2 / (sources + 1)
    assert abs(weights.data.var() / variance - 1) < 0.05
    means = weights.sum(axis=0)[some(tokens)] / chosen
    assert np.abs(means - 1 / sources).max() < 5 * np.sqrt(variance / expected)


def test_the_seed_decides() -> None:
    one, again, other = aligned(20, seed=1), aligned(20, seed=1), aligned(20, seed=2)
    assert np.array_equal(one.weights.toarray(), again.weights.toarray())
    assert not np.array_equal(one.weights.toarray(), other.weights.toarray())


def test_a_row_does_not_depend_on_how_many_follow() -> None:
    np.testing.assert_array_equal(aligned(3).weights.toarray(), aligned(20).weights.toarray()[:3])


def test_nothing_counts_as_evidence() -> None:
    alignment = aligned(4)
    assert alignment.evidence.tolist() == [0] * 4
    assert alignment.origins.tolist() == [Origin.ALIGNED] * 4


def test_a_row_needs_a_source() -> None:
    with pytest.raises(InputError, match=r"^The option sources must be at least 1, not 0\.$"):
        RandomConvex(0)
