"""Measure fertility."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vocabx.cli.document_options import document_options, read_document_settings
from vocabx.cli.evaluate import evaluation_options, finish
from vocabx.cli.options import make_stages, read_hub

__all__ = ["command"]


@click.command("fertility")
@evaluation_options
@document_options
def command(
    models: Sequence[str],
    texts: Sequence[str],
    out: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Count the tokens that tokenizers spend on texts; a MODEL may be a tokenizer alone."""
    from vocabx.evaluation.fertility import evaluate_fertility

    documents = read_document_settings(options)
    result = evaluate_fertility(models, texts, documents=documents, hub=read_hub(options), say=make_stages().say)
    finish(result, out, as_json)


NOT_ASKED = {"device", "dtype"}
"""No model runs."""
command.params = [parameter for parameter in command.params if parameter.name not in NOT_ASKED]
