"""Write a model with another tokenizer."""

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
    read_row_settings,
    row_options,
    spell_model,
    storage_options,
)
from vocabx.cli.push import prepare_push

__all__ = ["replace"]


@click.command()
@click.argument("model")
@click.option(
    "--tokenizer", required=True, metavar="DIRECTORY", help="The tokenizer to swap in: a directory or a hub id."
)
@click.option("--corpus", multiple=True, metavar="PATH", help="Target-language text, for methods that read some.")
@click.option("--text-field", default="text", show_default=True, help="Field of JSONL and Parquet records.")
@row_options
@storage_options
@hub_options
@publishing_options
@click.option("--out", type=click.Path(path_type=Path), help="Directory to write.")
@click.option("--dry-run", is_flag=True, help="Print the plan and write nothing; needs no --out.")
@force_option
@as_json_option
def replace(
    model: str,
    tokenizer: str,
    out: Path | None,
    dry_run: bool,
    languages: Sequence[str],
    push_to_hub: str | None,
    private: bool,
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Write MODEL, a directory or hub id, with another tokenizer."""
    from vocabx.replacement import ReplaceRequest, plan_replacement, replace

    stages, hub = make_stages(), read_hub(options)
    settings = {**read_row_settings(options), **options, "hub": hub}
    push = prepare_push(push_to_hub, private, hub, dry_run)
    if dry_run:
        replacement, _ = plan_replacement(model, ReplaceRequest(tokenizer, **settings), stages)
        headline = "A dry run: nothing was written."
    elif out is None:
        raise click.UsageError("Name the directory to write with --out, or use --dry-run.")
    else:
        replacement = replace(model, tokenizer, out, force=force, stages=stages, languages=languages, **settings)
        headline = f"Written to {out}. Prove it with: vocabx verify {out} --base {spell_model(model, hub)}"
        push(out, stages)
    print_report(replacement.report(stages, headline), as_json)
