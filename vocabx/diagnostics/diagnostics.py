"""Diagnostics: the measures of a run's new rows, as facts, as a table and as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vocabx.core.report import Cell, Table
from vocabx.diagnostics.summaries import RowSummary, WeightSummary

__all__ = ["Diagnostics", "MatrixDiagnostics"]

SIGNIFICANT_DIGITS = 6
"""Of what `vocabx.json` keeps, so that the last bits of a sum change nothing."""


@dataclass(frozen=True)
class MatrixDiagnostics:
    """The new rows of one matrix beside its usable source rows.

    `outside` is the share of the rows that the method made which are no convex combination of source rows by their
    weights; a drawn row has none and counts as outside. `given` rows came from a file: of them `new` tells alone.
    """

    weights: WeightSummary | None
    outside: float
    new: RowSummary
    source: RowSummary
    given: int = 0

    @property
    def norm_ratio(self) -> float | None:
        """Median length of the new rows by that of the source rows."""
        return self.new.norm / self.source.norm if self.new.norm and self.source.norm else None

    @property
    def spread_ratio(self) -> float | None:
        """How far the new rows' directions differ beside the source rows': 0 where all point one way, 1 as in the base.

        It is the ratio of 1 - mean cosine, which is the variance of the unit rows.
        """
        if self.new.cosine is None or self.source.cosine is None or self.source.cosine >= 1:
            return None
        return (1 - self.new.cosine) / (1 - self.source.cosine)


@dataclass(frozen=True)
class Diagnostics:
    """What a run's new rows are like.

    Attributes
    ----------
    origins : mapping
        ``copied``, ``aligned``, ``fallback``, ``drawn`` and ``given`` → number of input rows.
    input : MatrixDiagnostics
    head : MatrixDiagnostics, optional
        Of an untied head.
    predicts : bool
        Whether the model has an output head at all; a tied one is made of the input rows.
    loss_bound : float, optional
        Nats that the loss of a token of old text can rise by, whatever the text; see `loss_bounds`.
    loss_estimate : float, optional
        Nats that the mean loss of old text can rise by, as far as the model predicts tokens as often as they occur.
    """

    origins: Mapping[str, int]
    input: MatrixDiagnostics
    head: MatrixDiagnostics | None
    predicts: bool
    loss_bound: float | None
    loss_estimate: float | None

    @property
    def output(self) -> MatrixDiagnostics | None:
        """The matrix that new tokens are predicted with; None without an output head."""
        return (self.head or self.input) if self.predicts else None

    def facts(self) -> dict[str, Cell]:
        """Return rows by origin, and what old text can lose."""
        return {
            **{f"rows {origin}": count for origin, count in self.origins.items()},
            "loss of an old token rises by at most (nats)": self.loss_bound,
            "mean loss of old text, estimate of its bound (nats)": self.loss_estimate,
        }

    def table(self) -> Table:
        """Return the measures of each matrix."""
        matrices = [self.input] if self.head is None else [self.input, self.head]
        columns = ("measure", "input", "head") if self.head else ("measure", "rows")
        measured = [_measures(matrix) for matrix in matrices]
        return Table("new rows", columns, [(name, *(each[name] for each in measured)) for name in measured[0]])

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain data, its numbers to six digits."""
        data: dict[str, Any] = _rounded(asdict(self))
        return data


def _measures(matrix: MatrixDiagnostics) -> dict[str, Cell]:
    weights = matrix.weights
    return {
        "source rows in a new row (effective), median": None if weights is None else weights.support,
        "the same, 90th percentile": None if weights is None else weights.wide_support,
        "source rows in use": None if weights is None else weights.sources,
        "largest weight of a row, median": None if weights is None else weights.largest,
        "share outside the convex hull by weights": matrix.outside,
        "length, median": matrix.new.norm,
        "length beside source rows": matrix.norm_ratio,
        "mean cosine of two new rows": matrix.new.cosine,
        "mean cosine of two source rows": matrix.source.cosine,
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if isinstance(value, float) else value
