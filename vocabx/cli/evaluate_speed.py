"""Measure speed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vocabx.cli.evaluate import evaluation_options, finish
from vocabx.cli.options import hide_loading_bars, make_stages, read_hub

__all__ = ["command"]


@click.command("speed")
@evaluation_options
@click.option(
    "--text",
    required=True,
    metavar="[LABEL=]PATH",
    help="Text to write and read, one a line: file, directory or quoted pattern. A label changes nothing.",
)
@click.option("--limit", type=int, default=30, show_default=True, help="Texts to draw.")
@click.option(
    "--characters",
    type=int,
    help="Take so many of each text at most. Default: 400, or for all models what the shortest context holds.",
)
@click.option(
    "--minimum-characters",
    type=int,
    default=100,
    show_default=True,
    help="Leave out texts shorter than this and --characters.",
)
@click.option("--batch-size", type=int, default=1, show_default=True, help="Texts that are written at once.")
@click.option("--repeats", type=int, default=3, show_default=True, help="Measurements, besides one that warms up.")
@click.option("--seed", type=int, default=0, show_default=True, help="Fixes which texts are drawn.")
def command(
    models: Sequence[str],
    text: str,
    limit: int,
    characters: int | None,
    minimum_characters: int,
    batch_size: int,
    repeats: int,
    seed: int,
    out: Path | None,
    device: str | None,
    dtype: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure how fast causal models write and read the same text, and what they keep of it.

    Every model writes the text token by token, its own tokens instead of what it would choose, so that characters per
    second compare. All models are held in memory and take turns.
    """
    from vocabx.evaluation.speed import evaluate_speed
    from vocabx.evaluation.speed_request import SpeedRequest
    from vocabx.evaluation.text.documents import label_texts

    hide_loading_bars()
    (path,) = label_texts([text]).values()
    request = SpeedRequest(Path(path), limit, characters, minimum_characters, batch_size, repeats, seed)
    result = evaluate_speed(models, request, device=device, dtype=dtype, hub=read_hub(options), say=make_stages().say)
    finish(result, out, as_json)
