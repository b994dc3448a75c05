"""Measure sentence retrieval."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vocabx.cli.evaluate import evaluation_options, finish
from vocabx.cli.options import hide_loading_bars, make_stages, read_hub

__all__ = ["command"]


@click.command("retrieval")
@evaluation_options
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="Sentences in the source language, one a line.",
)
@click.option(
    "--target",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="The same sentences in the target language, line by line.",
)
@click.option("--column", default="", metavar="NAME", help="Column to read where these are .tsv files.")
@click.option("--limit", type=int, help="Pairs to draw. Default: all.")
@click.option(
    "--layer",
    type=int,
    help="Whose states are compared: 0 is the embedding, -1 the last layer. Default: 7/12 deep, as OFA does.",
)
@click.option("--prefix", default="", help="Put before each sentence, such as 'query: ' for multilingual E5.")
@click.option("--seed", type=int, default=0, show_default=True, help="Fixes which pairs are drawn, and the intervals.")
def command(
    models: Sequence[str],
    source: Path,
    target: Path,
    column: str,
    limit: int | None,
    layer: int | None,
    prefix: str,
    seed: int,
    out: Path | None,
    device: str | None,
    dtype: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure how often the nearest sentence of the other language is the translation.

    Each sentence is the mean of its tokens' states, compared by cosine, both ways. Pairs that are untranslated or
    repeat a side are left out.
    """
    from vocabx.evaluation.retrieval import RetrievalRequest, evaluate_retrieval

    hide_loading_bars()
    request = RetrievalRequest(source, target, limit, column, layer, prefix, seed)
    result = evaluate_retrieval(
        models, request, device=device, dtype=dtype, hub=read_hub(options), say=make_stages().say
    )
    finish(result, out, as_json)
