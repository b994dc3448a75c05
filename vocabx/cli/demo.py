"""Show it on a small model."""

from __future__ import annotations

from pathlib import Path

import click

from vocabx.cli.options import force_option, hide_loading_bars, make_stages
from vocabx.core.errors import InputError

__all__ = ["demo"]


@click.command()
@click.option("--out", type=click.Path(path_type=Path), help="Keep the extended model in this directory.")
@force_option
def demo(out: Path | None, force: bool) -> None:
    """Extend a small English model to Korean, offline, and prove and measure it."""
    from vocabx.demo import run_demo

    if force and out is None:
        raise InputError("--force replaces an output directory; name it with --out.")
    hide_loading_bars()
    for part in run_demo(out, force=force, stages=make_stages()):
        click.echo(part + "\n")
