"""Extend a tokenizer alone."""

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
    read_settings,
)

__all__ = ["tokenizer_extend"]


@click.command("extend")
@click.argument("model")
@learning_options
@hub_options
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Directory to write.")
@force_option
@as_json_option
def tokenizer_extend(
    model: str, corpus: Sequence[str], size: int | None, out: Path, force: bool, as_json: bool, **options: Any
) -> None:
    """Write the tokenizer of MODEL extended from text, without weights."""
    from vocabx.directories import extend_tokenizer_only
    from vocabx.extension import tokenizer_report

    stages = make_stages()
    extended = extend_tokenizer_only(
        model, corpus, out, size=size, force=force, stages=stages, **read_settings(options)
    )
    print_report(tokenizer_report(extended, stages, f"Written to {out}."), as_json)
