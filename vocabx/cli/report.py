"""Show what evaluations measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from vocabx.cli.options import as_json_option

__all__ = ["report"]


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="RESULT.json..."
)
@click.option("--markdown", is_flag=True, help="Print Markdown, for a README.")
@as_json_option
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Draw the scores into this .png, .svg or .pdf.",
)
@click.option("--force", is_flag=True, help="Replace the --picture.")
def report(files: Sequence[Path], markdown: bool, as_json: bool, picture: Path | None, force: bool) -> None:
    """Show results of `vocabx evaluate` as tables.

    Of several, the tables put models side by side. A model is the same in all files if its checksum is.
    """
    from vocabx.card.results import spell_results
    from vocabx.evaluation.combining import combine
    from vocabx.evaluation.picture import draw_results
    from vocabx.evaluation.report import to_report
    from vocabx.evaluation.result import Result

    if markdown and as_json:
        raise click.UsageError("Give --markdown or --json, not both.")
    results = [Result.load(file) for file in files]
    combination = combine(results)
    if picture is not None:
        draw_results(combination, picture, force=force)
    if as_json:
        spelt = {**combination.to_json(), "results": [result.to_json() for result in results]}
        click.echo(json.dumps(spelt, ensure_ascii=False, indent=1))
        return
    shown = to_report(results[0]) if len(results) == 1 else combination.to_report()
    click.echo(spell_results(shown) if markdown else shown.to_text())
