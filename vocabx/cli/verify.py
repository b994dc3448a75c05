"""Prove that a directory is sound."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vocabx.cli.options import (
    as_json_option,
    hide_loading_bars,
    hub_options,
    make_stages,
    print_report,
    read_hub,
    trust_pickle_option,
)

__all__ = ["verify"]


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--base", metavar="MODEL", help="The model that DIRECTORY was made from.")
@click.option(
    "--corpus",
    multiple=True,
    metavar="PATH",
    help="Source-language text whose ids must hold. Default: an English sample, of the Python documentation.",
)
@click.option("--after-training", is_flag=True, help="Skip what training is meant to change.")
@click.option("--strict", is_flag=True, help="Fail also when a check lacks what it needs.")
@trust_pickle_option
@hub_options
@as_json_option
def verify(
    directory: Path,
    base: str | None,
    corpus: Sequence[str],
    after_training: bool,
    strict: bool,
    trust_pickle: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Prove that DIRECTORY is sound; the exit status says whether it is."""
    from vocabx.core.corpus import Corpus
    from vocabx.verification import verify

    lines = Corpus.open(corpus).lines() if corpus else None
    hide_loading_bars()
    result = verify(
        directory, base, lines, after_training, make_stages().say, hub=read_hub(options), trust_pickle=trust_pickle
    )
    print_report(result.to_report(), as_json)
    if base is None and not as_json:
        click.echo("\nAdd --base MODEL to run the checks that compare with the model this was made from.")
    if not (result.strict_passed if strict else result.passed):
        raise SystemExit(1)
