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
    help="Draw the main metric of each evaluation into this .png, .svg or .pdf.",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="Draw this metric, as the tables call it, instead of the main ones. May be repeated.",
)
@click.option("--force", is_flag=True, help="Replace the --picture.")
def report(
    files: Sequence[Path], markdown: bool, as_json: bool, picture: Path | None, metrics: Sequence[str], force: bool
) -> None:
    """Show results of `vocabx evaluate` as tables: models side by side, and what each metric means.

    \b
    $ vocabx evaluate bits-per-byte OLD NEW --text ko=korean.txt --out bits.json
    $ vocabx evaluate kobest OLD NEW --out kobest.json
    $ vocabx report bits.json kobest.json --picture results.png

    A model is the same in all files if its checksum is, whatever it is called. Numbers of other settings or data stand
    in tables of their own.
    """  # noqa: D301  click's mark for lines that stay lines is a backslash
    from vocabx.card.results import spell_results
    from vocabx.evaluation.reporting.combining import combine
    from vocabx.evaluation.reporting.picture import draw_results
    from vocabx.evaluation.reporting.report import to_report
    from vocabx.evaluation.result import Result

    if markdown and as_json:
        raise click.UsageError("Give --markdown or --json, not both.")
    if metrics and picture is None:
        raise click.UsageError("--metric says what is drawn, so it needs a --picture.")
    results = [Result.load(file) for file in files]
    combination = combine(results)
    if picture is not None:
        draw_results(combination, picture, metrics=metrics, force=force)
    if as_json:
        spelt = {**combination.to_json(), "results": [result.to_json() for result in results]}
        click.echo(json.dumps(spelt, ensure_ascii=False, indent=1))
        return
    shown = to_report(results[0]) if len(results) == 1 else combination.to_report()
    click.echo(spell_results(shown) if markdown else shown.to_text())
