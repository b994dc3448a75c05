"""Loss: how much that of old text can rise by the rows of new tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vocabx.core.alignment import Alignment
from vocabx.core.arrays import check_shape
from vocabx.core.errors import InputError
from vocabx.core.initialization import RowRule

__all__ = ["loss_bounds"]


def loss_bounds(rule: RowRule, frequencies: NDArray[Any] | None = None) -> tuple[float | None, float | None]:
    """Bound how much the loss of old text rises by the new rows of the output, in nats per token.

    Parameters
    ----------
    rule : RowRule
        Makes the output's rows, and its bias if it has one.
    frequencies : ndarray of shape (S,), optional
        How often old text has each source token, in any unit.

    Returns
    -------
    bound : float or None
        ln(1 + max c), with c_i the sum of all new rows' weights on source row i. It holds for every old token in every
        context of old tokens, whatever the model. For rows that are all the mean of S it is ln(1 + N / S), and for no
        convex rows can it be less.
    estimate : float or None
        ln(1 + sum of c_i f_i), with f the frequencies as shares. It bounds the mean rise over a text if the model's
        predictions, averaged over that text, are f, as a well-trained model's on text like its own nearly are.

    Notes
    -----
    With convex rows Jensen's inequality gives exp(z_new) <= sum of w_i exp(z_i) for the logits z, so that the loss of
    an old token rises by at most ln(1 + sum of c_i p_i), p being the old probabilities in that context; the first
    value takes the worst p. The logarithm is concave, so its mean over contexts is no more than that of the mean p,
    which gives the second. Both are None where a row is drawn or not convex, for then no bound holds.

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> bound, estimate = loss_bounds(Alignment.build(csr_array([[1.0, 0.0], [0.5, 0.5]])), np.array([1, 3]))
    >>> round(float(np.exp(bound)), 9), round(float(np.exp(estimate)), 9)
    (2.5, 1.75)
    """
    if not isinstance(rule, Alignment) or not rule.is_convex.all():
        return None, None
    sources = rule.weights.shape[1]
    sums = rule.weights.sum(axis=0) + rule.shared_weights.sum(axis=0) @ rule.shared
    bound = float(np.log1p(sums.max(initial=0.0)))
    if frequencies is None:
        return bound, None
    check_shape("frequencies", frequencies, sources)
    shares = frequencies.astype(np.float64)
    if not (shares >= 0).all():
        raise InputError("frequencies: expected numbers that are 0 or more.")
    estimate = float(np.log1p(sums @ shares / shares.sum())) if shares.any() else None
    return bound, estimate
