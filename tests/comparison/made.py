"""Comparisons made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vocabx.comparison.comparison import Comparison
from vocabx.comparison.probe import NO_PROBE, Probe
from vocabx.comparison.results import Measured, Side
from vocabx.comparison.variants import BASE
from vocabx.core.plan import Plan
from vocabx.eval.cost import DocumentCost
from vocabx.eval.greedy import GreedyFlips

__all__ = ["compared", "measured"]

SIZES = np.array([10, 30, 20])
NOISE = np.array([0.9, 1.0, 1.2])


def measured(label: str, bits: float, source: float | None = 1.0, *, seed: int = 0, steps: int = 0) -> Measured:
    """Return a measurement with these bits per byte; documents differ by factors that are the same for all."""
    values = {"target": bits, **({} if source is None else {"source": source})}
    share = NOISE * SIZES / (NOISE * SIZES).sum() * SIZES.sum() * np.log(2)
    sides = {name: Side(DocumentCost(value * share, SIZES), 50, 20) for name, value in values.items()}
    return Measured(label, steps, seed, sides, GreedyFlips(40, 2, 1), 1.0, (2.0,) * steps)


def compared(
    untrained: Mapping[str, float], trained: Mapping[str, Sequence[float]] | None = None, source: float | None = 1.0
) -> Comparison:
    """Return a comparison of methods by their bits per byte, after the probe by seed."""
    probe = Probe(steps=5) if trained else NO_PROBE
    return Comparison(
        "base-135m",
        Plan.appending(97, 8, 97, 105, {}),
        measured(BASE, 1.5, source),
        {label: measured(label, bits, source) for label, bits in untrained.items()},
        {
            label: [measured(label, bits, source, seed=seed, steps=5) for seed, bits in enumerate(values)]
            for label, values in (trained or {}).items()
        },
        probe,
        "float32",
    )
