"""List the ways to make new rows."""

from __future__ import annotations

import click

from vocabx.cli.options import as_json_option, print_report

__all__ = ["methods"]


@click.command()
@click.argument("name", required=False)
@as_json_option
def methods(name: str | None, as_json: bool) -> None:
    """List the ways to make new rows, or the options of the method NAME."""
    from vocabx.initializers.table import method_report, methods_report

    print_report(methods_report() if name is None else method_report(name), as_json)
