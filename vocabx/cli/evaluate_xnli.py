"""Measure models on XNLI."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vocabx.cli.evaluate import evaluation_options
from vocabx.cli.evaluate_finetune import WithFinetuning
from vocabx.cli.harness_options import ask_models, harness_options, listed

__all__ = ["command"]


@click.command("xnli", cls=WithFinetuning)
@evaluation_options
@harness_options(split="dev")
@click.option(
    "--languages",
    required=True,
    metavar="CODES",
    help="Such as en,sw: ar bg de el en es fr hi ru sw th tr ur vi zh, and ko, which is ours and needs --data.",
)
def command(models: Sequence[str], out: Path | None, as_json: bool, languages: str, **options: Any) -> None:
    """Ask each MODEL whether sentences follow from others, in several languages, by the lm-evaluation-harness.

    Beside each score stands what the best constant answer gets. Models are given the same items; their differences
    from the first are of paired draws. `accelerate launch -m vocabx evaluate xnli ...` shares items between GPUs.
    Where nothing is shared, an interrupted evaluation with --out goes on with the task that it was at.
    """
    from vocabx.evaluation.xnli import evaluate_xnli

    ask_models(evaluate_xnli, models, out, as_json, {**options, "languages": listed(languages)})
