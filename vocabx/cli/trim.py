"""Write a model with only the tokens that a text uses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vocabx.cli.options import (
    as_json_option,
    force_option,
    hub_options,
    make_stages,
    print_report,
    publishing_options,
    read_hub,
    spell_model,
    storage_options,
    trust_pickle_option,
)
from vocabx.cli.push import prepare_push

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
@storage_options
@trust_pickle_option
@hub_options
@publishing_options
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
    shards: str,
    dtype: str | None,
    trust_pickle: bool,
    out: Path | None,
    dry_run: bool,
    languages: Sequence[str],
    push_to_hub: str | None,
    private: bool,
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Write MODEL, a directory or hub id, with only the tokens that a text uses."""
    from vocabx.trimming import TrimRequest, plan_trimming, trim

    stages, hub = make_stages(), read_hub(options)
    request = TrimRequest(corpus, minimum_frequency, pad_to_multiple, text_field, trust_pickle, shards, dtype, hub)
    push = prepare_push(push_to_hub, private, hub, dry_run)
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
            trust_pickle=trust_pickle,
            shards=shards,
            dtype=dtype,
            hub=hub,
            force=force,
            stages=stages,
            languages=languages,
        )
        texts = "".join(f" --corpus {text!r}" for text in corpus)
        headline = f"Written to {out}. Prove it with: vocabx verify {out} --base {spell_model(model, hub)}{texts}"
        push(out, stages)
    print_report(trimming.report(stages, headline), as_json)
