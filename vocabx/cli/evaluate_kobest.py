"""Measure models on KoBEST."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vocabx.cli.evaluate import evaluation_options
from vocabx.cli.harness_options import ask_models, harness_options, listed

__all__ = ["command"]


@click.command("kobest")
@evaluation_options
@harness_options(split="test")
@click.option(
    "--tasks",
    default="boolq,copa,hellaswag,sentineg,wic",
    show_default=True,
    metavar="NAMES",
    help="Some of these, with commas between them.",
)
def command(models: Sequence[str], out: Path | None, as_json: bool, tasks: str, **options: Any) -> None:
    """Have each MODEL answer KoBEST, five Korean tasks, by the lm-evaluation-harness.

    Beside each score stands what the best constant answer gets. Models are given the same items; their differences
    from the first are of paired draws. `accelerate launch -m vocabx evaluate kobest ...` shares items between GPUs.
    Where nothing is shared, an interrupted evaluation with --out goes on with the task that it was at.
    """
    from vocabx.evaluation.kobest import evaluate_kobest

    ask_models(evaluate_kobest, models, out, as_json, {**options, "tasks": listed(tasks)})
