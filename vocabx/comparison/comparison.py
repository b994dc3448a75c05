"""Comparison: everything that was measured of one base, ranked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from vocabx.comparison.probe import Probe
from vocabx.comparison.results import Measured
from vocabx.comparison.variants import BASE
from vocabx.core.plan import Plan
from vocabx.eval.bootstrap import Interval
from vocabx.eval.cost import DocumentCost

__all__ = ["Comparison", "Row"]

REFERENCE = "mean"
"""The method whose difference is told besides, where it takes part."""


@dataclass(frozen=True)
class Row:
    """One method at one time: right after the change, or after the probe.

    Attributes
    ----------
    label : str
    target : Interval
        Bits per byte, with a bootstrap interval over paragraphs; of several seeds their mean.
    minus_best, minus_reference : Interval, optional
        Paired differences from the best method and from `REFERENCE`; None for these themselves.
    spread : float, optional
        Standard deviation of the target value over seeds, where there are several.
    source, minus_base : Interval, optional
        The same of the source side; the difference is from the base.
    measured : sequence of Measured
        One for each seed.
    """

    label: str
    target: Interval
    minus_best: Interval | None
    minus_reference: Interval | None
    spread: float | None
    source: Interval | None
    minus_base: Interval | None
    measured: Sequence[Measured] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        intervals = ("target", "minus_best", "minus_reference", "source", "minus_base")
        found = {name: getattr(self, name) for name in intervals}
        first = self.measured[0]
        return {
            "method": self.label,
            **{name: None if interval is None else asdict(interval) for name, interval in found.items()},
            "spread": self.spread,
            "seeds": {str(one.seed): one.sides["target"].cost.value for one in self.measured},
            "tokens": {name: {"all": side.tokens, "new": side.new_tokens} for name, side in first.sides.items()},
            "greedy": asdict(first.flips) if first.flips else None,
            "seconds": sum(one.seconds for one in self.measured),
        }


@dataclass(frozen=True)
class Comparison:
    """A base, and every method right after the change (`untrained`) and after the probe (`trained`, by seed)."""

    model: str
    plan: Plan
    base: Measured
    untrained: Mapping[str, Measured]
    trained: Mapping[str, Sequence[Measured]]
    probe: Probe
    dtype: str

    @property
    def base_row(self) -> Row:
        """The base, which is in no rank."""
        return self._row(BASE, [self.base], {})

    def ranked(self) -> list[Row]:
        """Return the methods right after the change, the best on the target language first."""
        return self._ranked({label: [measured] for label, measured in self.untrained.items()})

    def ranked_trained(self) -> list[Row]:
        """Return the methods after the probe, the best first; none where nothing was trained."""
        return self._ranked(self.trained)

    def _ranked(self, measured: Mapping[str, Sequence[Measured]]) -> list[Row]:
        order = sorted(measured, key=lambda label: (_mean_cost(measured[label], "target").value, label))
        others = {"best": measured[order[0]]} if order else {}
        if REFERENCE in measured:
            others[REFERENCE] = measured[REFERENCE]
        return [self._row(label, measured[label], others) for label in order]

    def _row(self, label: str, own: Sequence[Measured], others: Mapping[str, Sequence[Measured]]) -> Row:
        target = _mean_cost(own, "target")
        minus = {
            name: _minus(target, _mean_cost(other, "target"))
            for name, other in others.items()
            if other[0] is not own[0]
        }
        values = [one.sides["target"].cost.value for one in own]
        source = _mean_cost(own, "source") if "source" in own[0].sides else None
        return Row(
            label=label,
            target=target.interval(_generator()),
            minus_best=minus.get("best"),
            minus_reference=minus.get(REFERENCE),
            spread=float(np.std(values, ddof=1)) if len(values) > 1 else None,
            source=source.interval(_generator()) if source else None,
            minus_base=_minus(source, self.base.sides["source"].cost) if source and label != BASE else None,
            measured=own,
        )


def _generator() -> np.random.Generator:
    return np.random.default_rng(0)  # the same paragraphs are drawn for every row


def _minus(one: DocumentCost, other: DocumentCost) -> Interval:
    return one.paired_difference(other, _generator())


def _mean_cost(measured: Iterable[Measured], side: str) -> DocumentCost:
    """Return the mean over seeds of what each document costs."""
    costs = [one.sides[side].cost for one in measured]
    return DocumentCost(np.mean([cost.nats for cost in costs], axis=0), costs[0].bytes)
