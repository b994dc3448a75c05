"""Say what new tokens are made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from vocabx.cli.options import as_json_option

__all__ = ["explain"]


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("tokens", nargs=-1, required=True, metavar="TOKEN...")
@as_json_option
def explain(directory: Path, tokens: Sequence[str], as_json: bool) -> None:
    """Say what new tokens of DIRECTORY are made of; a TOKEN is its text or its id."""
    from vocabx.explanation import Explainer

    explainer = Explainer.open(directory)
    reports = [explainer.explain(token) for token in tokens]
    if as_json:
        click.echo("[" + ",\n".join(report.to_json() for report in reports) + "]")
    else:
        click.echo("\n\n\n".join(report.to_text() for report in reports))
