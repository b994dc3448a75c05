"""Measure retention."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vocabx.cli.document_options import (
    document_options,
    keep_parts,
    read_document_settings,
    read_windows,
    window_options,
)
from vocabx.cli.evaluate import evaluation_options, finish
from vocabx.cli.options import hide_loading_bars, make_stages, read_hub

__all__ = ["command"]


@click.command("retention")
@evaluation_options
@document_options
@window_options
def command(
    models: Sequence[str],
    texts: Sequence[str],
    out: Path | None,
    device: str | None,
    dtype: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure what is left of the old language: the first MODEL is the base, the others were made of it.

    Bits per byte of each, and where the tokenizer left a document's ids as they were, how far the predictions are
    from the base's. An interrupted evaluation with --out goes on where it was.
    """
    from vocabx.evaluation.retention import evaluate_retention

    hide_loading_bars()
    parts = keep_parts(out)
    result = evaluate_retention(
        models,
        texts,
        documents=read_document_settings(options),
        windows=read_windows(options),
        device=device,
        dtype=dtype,
        hub=read_hub(options),
        parts=parts,
        say=make_stages().say,
    )
    finish(result, out, as_json)
    parts.clear()
