"""Write a model with only the tokens that a text uses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from vocabx.cli.options import as_json_option, force_option, make_stages, print_report

__all__ = ["trim"]


@click.command()
@click.argument("model")
@click.option(
    "--corpus",
    multiple=True,
    required=True,
    metavar="PATH",
    help="Text of every language that the model is to keep: file, directory or quoted pattern. May be repeated.",
)
@click.option("--minimum-frequency", type=int, default=1, show_default=True, help="Drop tokens that occur less often.")
@click.option("--pad-to-multiple", type=int, help="Pad the matrices to a multiple of this many rows.")
@click.option("--text-field", default="text", show_default=True, help="Field of JSONL and Parquet records.")
@click.option("--out", type=click.Path(path_type=Path), help="Directory to write.")
@click.option("--dry-run", is_flag=True, help="Print the plan and write nothing; needs no --out.")
@force_option
@as_json_option
def trim(
    model: str,
    corpus: Sequence[str],
    minimum_frequency: int,
    pad_to_multiple: int | None,
    text_field: str,
    out: Path | None,
    dry_run: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Write MODEL, a directory or hub id, with only the tokens that a text uses."""
    from vocabx.trimming import TrimRequest, plan_trimming, trim

    stages, request = make_stages(), TrimRequest(corpus, minimum_frequency, pad_to_multiple, text_field)
    if dry_run:
        trimming, _ = plan_trimming(model, request, stages)
        headline = "A dry run: nothing was written."
    elif out is None:
        raise click.UsageError("Name the directory to write with --out, or use --dry-run.")
    else:
        trimming = trim(
            model,
            corpus,
            out,
            minimum_frequency=minimum_frequency,
            pad_to_multiple=pad_to_multiple,
            text_field=text_field,
            force=force,
            stages=stages,
        )
        texts = "".join(f" --corpus {text!r}" for text in corpus)
        headline = f"Written to {out}. Prove it with: vocabx verify {out} --base {model}{texts}"
    print_report(trimming.report(stages, headline), as_json)
