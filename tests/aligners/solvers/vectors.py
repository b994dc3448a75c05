"""Vectors for solvers, and the properties that all weights have."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_array

from vocabx.core.arrays import Floats

__all__ = ["check_convex", "cosines_of_all", "directions", "problems"]


@st.composite
def problems(draw: st.DrawFn, most_keys: int = 60, most_dimensions: int = 8) -> tuple[Floats, Floats]:
    """Queries and keys without zero rows; half of the time of few small integers, so that many are equal."""
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    queries, keys = draw(st.integers(0, 6)), draw(st.integers(1, most_keys))
    dimensions = draw(st.integers(1, most_dimensions))
    if draw(st.booleans()):
        drawn = rng.integers(-1, 2, size=(queries + keys, dimensions)).astype(np.float32)
        drawn[~drawn.any(axis=1), 0] = 1
    else:
        drawn = rng.normal(size=(queries + keys, dimensions)).astype(np.float32)
    return drawn[:queries], drawn[queries:]


def directions(rows: Floats) -> NDArray[np.float64]:
    wide = rows.astype(np.float64)
    return np.asarray(wide / np.linalg.norm(wide, axis=1, keepdims=True))


def cosines_of_all(queries: Floats, keys: Floats) -> NDArray[np.float64]:
    return directions(queries) @ directions(keys).T


def check_convex(weights: csr_array) -> None:
    assert weights.dtype == np.float64
    assert weights.has_canonical_format
    assert (weights.data > 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)
