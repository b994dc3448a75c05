"""Write a model with an extended vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vocabx.cli.options import (
    as_json_option,
    force_option,
    hub_options,
    learning_options,
    make_stages,
    print_report,
    publishing_options,
    read_settings,
    row_options,
    spell_model,
    storage_options,
)
from vocabx.cli.push import prepare_push

__all__ = ["extend"]


@click.command()
@click.argument("model")
@learning_options
@row_options
@storage_options
@hub_options
@publishing_options
@click.option("--out", type=click.Path(path_type=Path), help="Directory to write.")
@click.option("--dry-run", is_flag=True, help="Print the plan and write nothing; needs no --out.")
@force_option
@as_json_option
def extend(
    model: str,
    corpus: Sequence[str],
    size: int | None,
    out: Path | None,
    dry_run: bool,
    languages: Sequence[str],
    push_to_hub: str | None,
    private: bool,
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Write MODEL, a directory or hub id, with a vocabulary extended from text."""
    from vocabx.directories import extend, plan_extension
    from vocabx.request import Request

    stages, settings = make_stages(), read_settings(options)
    push = prepare_push(push_to_hub, private, settings["hub"], dry_run)
    if dry_run:
        extension, _ = plan_extension(model, Request(corpus, size, **settings), stages)
        headline = "A dry run: nothing was written."
    elif out is None:
        raise click.UsageError("Name the directory to write with --out, or use --dry-run.")
    else:
        extension = extend(model, corpus, out, size=size, force=force, stages=stages, languages=languages, **settings)
        headline = f"Written to {out}. Prove it with: vocabx verify {out} --base {spell_model(model, settings['hub'])}"
        push(out, stages)
    print_report(extension.report(stages, headline), as_json)
