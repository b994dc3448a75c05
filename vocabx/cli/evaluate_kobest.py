"""Measure models on KoBEST."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vocabx.cli.evaluate import evaluation_options, finish
from vocabx.cli.harness_options import harness_options, listed, read_harness
from vocabx.cli.options import hide_loading_bars, make_stages, read_hub

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
def command(
    models: Sequence[str], out: Path | None, as_json: bool, data: Path | None, split: str, tasks: str, **options: Any
) -> None:
    """Have each MODEL answer KoBEST, five Korean tasks, by the lm-evaluation-harness.

    Beside each score stands what the best constant answer gets. Models are given the same items; their differences
    from the first are of paired draws. `accelerate launch -m vocabx evaluate kobest ...` shares items between GPUs.
    """
    from vocabx.evaluation.kobest import evaluate_kobest

    hide_loading_bars()
    settings, hub = read_harness(options), read_hub(options)
    result = evaluate_kobest(
        models, data=data, split=split, tasks=listed(tasks), settings=settings, hub=hub, say=make_stages().say
    )
    if result is not None:
        finish(result, out, as_json)
