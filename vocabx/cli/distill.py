"""Distil the rows of new tokens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vocabx.cli.options import as_json_option, force_option, hide_loading_bars, make_stages, print_report

__all__ = ["distill"]


# The defaults are those of the library; a test compares them, because importing it here would be slow.
@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--corpus",
    multiple=True,
    required=True,
    metavar="PATH",
    help="Text in the new language: file, directory or quoted pattern. May be repeated.",
)
@click.option("--text-field", default="text", show_default=True, help="Field of JSONL and Parquet records.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Directory to write.")
@click.option(
    "--base", metavar="DIRECTORY", help="The model that DIRECTORY was made from, if no merges made its tokens."
)
@click.option(
    "--held-out",
    multiple=True,
    metavar="PATH",
    help="Text to measure on, which is not trained on. Default: one line of fifty of the corpus.",
)
@click.option("--contexts", type=int, default=25, show_default=True, help="Snippets for each token, at most.")
@click.option("--context-tokens", type=int, default=50, show_default=True, help="Old tokens in a snippet.")
@click.option(
    "--layer",
    default="-1",
    show_default=True,
    metavar="NUMBER|early",
    help="The layer whose states are compared; early is a quarter of the way, and the rest is not run.",
)
@click.option(
    "--objective",
    type=click.Choice(["hidden", "chunk-kl", "both"]),
    help="Compare hidden states, what the model predicts, or both. Default: both where the model predicts a next token "
    "and its last layer is compared, else hidden.",
)
@click.option(
    "--head",
    type=click.Choice(["keep", "next-token"]),
    default="keep",
    show_default=True,
    help="New rows of a head that is not tied: leave them, or train them to predict the new tokens.",
)
@click.option("--most-frequent", type=int, help="Train only so many new tokens, those that the corpus has most often.")
@click.option(
    "--snippets",
    type=int,
    help="Read no more snippets than so many: frequent tokens keep all of their contexts, rare ones few or none.",
)
@click.option("--epochs", type=int, default=1, show_default=True, help="How often each snippet is read.")
@click.option("--batch-size", type=int, default=16, show_default=True, help="Snippets in a step.")
@click.option(
    "--learning-rate",
    type=float,
    default=0.1,
    show_default=True,
    help="Of the first step, as a share of the size of the old rows' entries.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Fixes every draw.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="What to compute in; rows are kept in float32.",
)
@click.option("--device", help="Where to compute, such as cpu or cuda:0. Default: a GPU where there is one.")
@click.option(
    "--language", "languages", multiple=True, metavar="CODE", help="Name a language, such as ko, in the model card."
)
@force_option
@as_json_option
def distill(
    directory: Path,
    corpus: Sequence[str],
    text_field: str,
    out: Path,
    base: str | None,
    held_out: Sequence[str],
    languages: Sequence[str],
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train the new rows of DIRECTORY, an extended model, until it reads new tokens as it read their old pieces."""
    from vocabx.distillation import DistillationSettings, distill
    from vocabx.eval.decoder import require_torch

    settings = DistillationSettings(**options)
    require_torch()
    hide_loading_bars()
    stages = make_stages()
    distillation = distill(
        directory,
        corpus,
        out,
        settings=settings,
        base=base,
        held_out=held_out or None,
        text_field=text_field,
        force=force,
        stages=stages,
        languages=languages,
    )
    headline = f"Written to {out}. Prove it with: vocabx verify {out} --base BASE"
    print_report(distillation.report(stages, headline, out), as_json)
