"""A BERT of a few thousand parameters, trained for a few steps as `train_small_bert.py` trains."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from tests.source_tree import ROOT

__all__ = ["SAMPLE", "tiny_recipe", "train_tiny_bert"]

SAMPLE = ROOT / "vocabx" / "samples" / "english.txt"


def tiny_recipe(**changes: Any) -> Any:
    """Return a recipe that takes seconds."""
    numbers: dict[str, Any] = {
        "held_out_blocks": 2,
        "vocabulary": 900,
        "layers": 2,
        "hidden": 48,
        "heads": 2,
        "context": 64,
        "lengths": (16, 32),
        "step_tokens": 256,
        "steps": 12,
        "warmup_steps": 3,
    }
    return import_module("data_scripts.train_small_bert").Recipe(**{**numbers, **changes})


def train_tiny_bert(out: Path, **changes: Any) -> Path:
    """Train and write one."""
    import_module("data_scripts.train_small_bert").train([str(SAMPLE)], out, tiny_recipe(**changes), force=False)
    return out
