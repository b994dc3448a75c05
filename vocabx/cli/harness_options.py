"""Options of the commands that run tasks of the lm-evaluation-harness."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from vocabx.evaluation.harness import HarnessSettings

__all__ = ["harness_options", "listed", "read_harness"]

Command = Callable[..., Any]


def harness_options(split: str) -> Callable[[Command], Command]:
    """Add what these commands take besides models; `split` is the part that is asked by default."""
    options = (
        click.option(
            "--data",
            type=click.Path(path_type=Path),
            metavar="PATH",
            help="Read the data from this folder, in the layout of its makers. Default: from the hub.",
        ),
        click.option(
            "--split", type=click.Choice(["dev", "test"]), default=split, show_default=True, help="The part to ask."
        ),
        click.option(
            "--few-shot",
            type=click.IntRange(min=0),
            default=0,
            show_default=True,
            help="Worked examples before each item, from the training part.",
        ),
        click.option("--limit", type=click.IntRange(min=1), help="Ask only so many items of each task, the first."),
        click.option(
            "--batch-size",
            type=click.IntRange(min=1),
            default=4,
            show_default=True,
            help="Texts to read together. More need memory: texts x tokens x vocabulary numbers, twice.",
        ),
        click.option(
            "--backend",
            type=click.Choice(["hf", "vllm"]),
            default="hf",
            show_default=True,
            help="What runs the model. vllm must be installed.",
        ),
        click.option(
            "--seed", type=int, default=0, show_default=True, help="Of worked examples and of draws for intervals."
        ),
    )

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def read_harness(options: dict[str, Any]) -> HarnessSettings:
    """Turn the values of `harness_options` into what the library takes; takes them out of `options`."""
    from vocabx.evaluation.harness import HarnessSettings

    names = ("few_shot", "limit", "batch_size", "backend", "dtype", "device", "seed")
    return HarnessSettings(**{name: options.pop(name) for name in names})


def listed(text: str) -> list[str]:
    """Split names at commas."""
    return [name.strip() for name in text.split(",") if name.strip()]
