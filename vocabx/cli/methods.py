"""List the ways to make new rows."""

from __future__ import annotations

import click

from vocabx.cli.options import as_json_option, print_report

__all__ = ["methods"]


@click.command()
@as_json_option
def methods(as_json: bool) -> None:
    """List the ways to make new rows."""
    from vocabx.initializers.table import methods_report

    print_report(methods_report(), as_json)
