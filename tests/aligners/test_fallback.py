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
from vocabx.aligners.constituents import Constituents
from vocabx.aligners.fallback import Otherwise, mean_where_empty
from vocabx.core.alignment import Alignment, Origin
from vocabx.core.arrays import Bools
from vocabx.core.errors import InputError
from vocabx.core.transfer import Transfer

SOURCE = of_merges(("a", "b"))
NEW = [b"abc", b"cab", b"ba", b"\xff", b"bab"]


@dataclass(frozen=True)
class Knowing:
    """An aligner that knows some tokens, each by one source token, and notes what it is asked for."""

    known: dict[bytes, int]
    asked: list[tuple[bytes, ...]] = field(default_factory=list)

    def align(self, transfer: Transfer) -> Alignment:
        self.asked.append(transfer.new.surfaces)
        weights = np.zeros((len(transfer.new), len(transfer.usable)))
        for row, surface in enumerate(transfer.new.surfaces):
            if surface in self.known:
                weights[row, self.known[surface]] = 1
        return mean_where_empty(csr_array(weights), np.full(len(weights), 9), transfer.usable)


def usable() -> Bools:
    rows = np.array(SOURCE.tokens.is_text)
    rows[SOURCE.tokens.id_of_surface[b"\xff", False]] = False
    return rows


def told() -> Transfer:
    return transfer(SOURCE, table(NEW), usable())


def written_out(alignment: Alignment) -> NDArray[np.float64]:
    return np.asarray(alignment.weights.toarray() + alignment.shared_weights.toarray() @ alignment.shared.toarray())


@given(st.sets(st.sampled_from(NEW)))
def test_the_second_aligner_makes_the_rows_that_the_first_does_not_know(known: set[bytes]) -> None:
    first = Knowing(dict.fromkeys(known, 7))
    alignment = Otherwise(first, Constituents()).align(told())
    alone, others = written_out(first.align(told())), written_out(Constituents().align(told()))
    is_known = np.array([surface in known for surface in NEW])
    np.testing.assert_array_equal(written_out(alignment), np.where(is_known[:, None], alone, others))
    assert alignment.origins.tolist() == np.where(is_known, Origin.ALIGNED, Origin.FALLBACK).tolist()
    assert alignment.is_convex.all()


def test_the_second_aligner_is_asked_for_the_missing_tokens_alone() -> None:
    second = Knowing({})
    Otherwise(Knowing({b"cab": 7, b"bab": 7}), second).align(told())
    assert second.asked == [(b"abc", b"ba", b"\xff")]


def test_the_second_aligner_is_not_asked_when_nothing_is_missing() -> None:
    second = Knowing({})
    Otherwise(Knowing(dict.fromkeys(NEW, 7)), second).align(told())
    assert second.asked == []


def test_evidence_is_that_of_the_aligner_that_made_the_row() -> None:
    alignment = Otherwise(Knowing({b"cab": 7}), Constituents()).align(told())
    assert alignment.evidence.tolist() == [2, 9, 2, 0, 2]


def test_a_token_that_neither_knows_gets_the_mean() -> None:
    alignment = Otherwise(Knowing({}), Constituents()).align(told())
    np.testing.assert_allclose(written_out(alignment)[3], usable() / usable().sum())


def test_fallbacks_may_be_nested() -> None:
    inner = Otherwise(Knowing({b"ba": 8}), Constituents())
    alignment = Otherwise(Knowing({b"cab": 7}), inner).align(told())
    assert alignment.sources(1) == [(7, 1.0)]
    assert alignment.sources(2) == [(8, 1.0)]
    assert alignment.origins.tolist() == [Origin.FALLBACK, Origin.ALIGNED, *[Origin.FALLBACK] * 3]
    np.testing.assert_array_equal(written_out(alignment)[[0]], written_out(Constituents().align(told()))[[0]])


def test_complete_rows_are_kept_and_empty_ones_become_the_mean() -> None:
    marked = np.array([True, False, True])
    alignment = mean_where_empty(csr_array(np.array([[0.25, 0, 0.75], [0, 0, 0]])), np.array([4, 5]), marked)
    assert written_out(alignment).tolist() == [[0.25, 0, 0.75], [0.5, 0, 0.5]]
    assert alignment.origins.tolist() == [Origin.ALIGNED, Origin.FALLBACK]
    assert alignment.evidence.tolist() == [4, 0]


@given(st.sets(st.sampled_from(NEW)), st.floats(0, 1))
def test_a_share_of_the_second_aligner_is_blended_into_the_rows_that_the_first_knows(
    known: set[bytes], share: float
) -> None:
    first = Knowing(dict.fromkeys(known, 7))
    alignment = Otherwise(first, Constituents(), share).align(told())
    alone, others = written_out(first.align(told())), written_out(Constituents().align(told()))
    is_known = np.array([[surface in known] for surface in NEW])
    expected = np.where(is_known, (1 - share) * alone + share * others, others)
    np.testing.assert_allclose(written_out(alignment), expected, atol=1e-12)
    assert alignment.is_convex.all()
    assert (alignment.origins == Origin.FALLBACK).tolist() == [surface not in known for surface in NEW]


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_beyond_nothing_and_everything_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="The option constituents must be a share from 0 to 1"):
        Otherwise(Knowing({}), Constituents(), share)
