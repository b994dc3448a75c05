"""Factorised directories, written from small models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.checkpoint.models import PLAN, mean_row, random_alignment
from vocabx.checkpoint import open_checkpoint, staged_directory, write_checkpoint
from vocabx.core.initialization import Initialization
from vocabx.core.plan import Plan
from vocabx.factorization import MODEL, Factorization, factorize
from vocabx.factorization.recoded import write_model_code

INPUT_RULE = random_alignment(seed=1)
RULES = Initialization(INPUT_RULE, random_alignment(seed=2), random_alignment(seed=3))
RANK = 8


def write(
    base: Path, out: Path, form: str, rank: int = RANK, balanced: bool = False, plan: Plan = PLAN, **options: Any
) -> Path:
    """Resize a model and factorise it."""
    checkpoint = open_checkpoint(base)
    factorized = factorize(checkpoint, Factorization(rank, form, balanced), plan.tokens_before)
    with staged_directory(out) as stage:
        if form == MODEL:
            write_model_code(stage)
        options = {"padding": mean_row(plan.tokens_before), **options}
        write_checkpoint(checkpoint, plan, RULES, stage, recoding=factorized.recoding, **options)
    return out
