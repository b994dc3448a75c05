"""Say what new tokens are made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from vocabx.cli.options import as_json_option

__all__ = ["explain"]


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("tokens", nargs=-1, metavar="TOKEN...")
@click.option(
    "--new-ids", is_flag=True, help="Print the new ids by module as JSON, as PEFT's trainable_token_indices takes them."
)
@as_json_option
def explain(directory: Path, tokens: Sequence[str], new_ids: bool, as_json: bool) -> None:
    """Say what new tokens of DIRECTORY are made of; a TOKEN is its text or its id."""
    if new_ids:
        _print_new_ids(directory, tokens)
        return
    if not tokens:
        raise click.UsageError("Name a token, by its text or its id, or use --new-ids.")
    from vocabx.explanation import Explainer

    explainer = Explainer.open(directory)
    reports = [explainer.explain(token) for token in tokens]
    if as_json:
        click.echo("[" + ",\n".join(report.to_json() for report in reports) + "]")
    else:
        click.echo("\n\n\n".join(report.to_text() for report in reports))


def _print_new_ids(directory: Path, tokens: Sequence[str]) -> None:
    from vocabx.adapters import trainable_token_indices

    if tokens:
        raise click.UsageError("--new-ids is about all new tokens; name none.")
    click.echo(json.dumps(trainable_token_indices(directory)))
