"""Results that nobody measured."""

from __future__ import annotations

from typing import Any

from vocabx.evaluation.result import DataFile, Difference, EvaluatedModel, Result, Score

__all__ = ["BASE", "CHANGED", "result"]

BASE = EvaluatedModel("base", "ab" * 32, seconds=12.34)
CHANGED = EvaluatedModel("changed", "cd" * 32, "0123456789" * 4)
SCORES = (
    Score("base", "boolq", "acc", 0.5, 0.4, 0.6, 0.25, 1200),
    Score("changed", "boolq", "acc", 0.625, 0.55, 0.7, 0.25, 1200),
    Score("base", "copa", "acc", 0.75),
)


def result(**changed: Any) -> Result:
    """Return a result of two models; `changed` replaces parts of it."""
    parts: dict[str, Any] = {
        "kind": "kobest",
        "models": (BASE, CHANGED),
        "scores": SCORES,
        "differences": (Difference("changed", "base", "boolq", "acc", 0.125, 0.05, 0.2),),
        "data": (DataFile("boolq.tsv", 1234, "ef" * 32),),
        "settings": {"few-shot": 5},
        "seed": 3,
        "versions": {"vocabx": "0.1.0", "torch": "2.13.0"},
        "commit": "89" * 20,
        "device": "CPU, 2 threads",
        "notes": ("Answers are read by their likelihood.",),
    }
    return Result(**{**parts, **changed})
