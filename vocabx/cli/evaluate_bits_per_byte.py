"""Measure bits per byte."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vocabx.cli.document_options import document_options, predict_documents, window_options
from vocabx.cli.evaluate import evaluation_options

__all__ = ["command"]


@click.command("bits-per-byte")
@evaluation_options
@document_options
@window_options
@click.option(
    "--masked",
    is_flag=True,
    help="Take every MODEL for a masked one. Default: those whose configuration names a class for masked models.",
)
def command(models: Sequence[str], texts: Sequence[str], out: Path | None, as_json: bool, **options: Any) -> None:
    """Measure how well causal or masked models predict documents, whatever their vocabularies.

    Each document is read by itself, a long one in windows that overlap. An interrupted evaluation with --out goes on
    where it was.
    """
    from vocabx.evaluation.bits_per_byte import evaluate_bits_per_byte

    predict_documents(evaluate_bits_per_byte, models, texts, out, as_json, options)
