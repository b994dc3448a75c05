"""Measure retention."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vocabx.cli.document_options import document_options, predict_documents, window_options
from vocabx.cli.evaluate import evaluation_options

__all__ = ["command"]


@click.command("retention")
@evaluation_options
@document_options
@window_options
def command(models: Sequence[str], texts: Sequence[str], out: Path | None, as_json: bool, **options: Any) -> None:
    """Measure what is left of the old language: the first MODEL is the base, the others were made of it.

    Bits per byte of each, and where the tokenizer left a document's ids as they were, how far the predictions are
    from the base's. An interrupted evaluation with --out goes on where it was.
    """
    from vocabx.evaluation.retention import evaluate_retention

    predict_documents(evaluate_retention, models, texts, out, as_json, options)
