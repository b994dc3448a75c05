"""Push what vocabx wrote to the hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vocabx.cli.options import make_stages

if TYPE_CHECKING:
    from vocabx.checkpoint.sources.hub_options import HubOptions
    from vocabx.stages import Stages

__all__ = ["prepare_push", "push"]


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("name", metavar="ORG/NAME")
@click.option("--private", is_flag=True, help="Make a private repository, if it is new.")
@click.option("--token", metavar="TOKEN", help="Access token of the hub. Default: HF_TOKEN, or your login.")
def push(directory: Path, name: str, private: bool, token: str | None) -> None:
    """Push DIRECTORY, which vocabx wrote, to the hub."""
    from vocabx.hub import Destination, check_pushable

    check_pushable(directory)
    click.echo(Destination.check(name, token=token, private=private).push(directory, make_stages()))


def prepare_push(name: str | None, private: bool, hub: HubOptions, dry_run: bool) -> Callable[[Path, Stages], None]:
    """Check where a result is to be pushed before it is made; return what pushes it, or does nothing."""
    if name is None:
        if private:
            raise click.UsageError("--private is about the repository that is pushed to: name it with --push-to-hub.")
        return lambda directory, stages: None
    if dry_run:
        raise click.UsageError("A dry run writes nothing that could be pushed: leave out --push-to-hub or --dry-run.")
    from vocabx.hub import Destination

    destination = Destination.check(name, token=hub.token, private=private, offline=hub.is_offline)

    def push_result(directory: Path, stages: Stages) -> None:
        stages.notes["pushed to"] = destination.push(directory, stages)

    return push_result
