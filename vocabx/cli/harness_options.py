"""Options of the commands that run tasks of the lm-evaluation-harness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vocabx.cli.document_options import keep_parts
from vocabx.cli.evaluate import finish
from vocabx.cli.options import LEFT_BEHIND, hide_loading_bars, make_stages, read_hub

if TYPE_CHECKING:
    from vocabx.evaluation.harness.asking import HarnessSettings
    from vocabx.evaluation.parts import Parts
    from vocabx.evaluation.result import Result

__all__ = ["ask_models", "harness_options", "listed"]

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
    from vocabx.evaluation.harness.asking import HarnessSettings

    names = ("few_shot", "limit", "batch_size", "backend", "dtype", "device", "seed")
    return HarnessSettings(**{name: options.pop(name) for name in names})


def keep_answers(out: Path | None) -> Parts:
    """Keep answers beside the file of the result; where processes share the items there is nothing to go on with."""
    from vocabx.evaluation.harness.run import is_shared

    parts = keep_parts(out)
    if is_shared():
        click.get_current_context().meta.pop(LEFT_BEHIND, None)
    return parts


def ask_models(
    evaluate: Callable[..., Result | None],
    models: Sequence[str],
    out: Path | None,
    as_json: bool,
    options: dict[str, Any],
) -> None:
    """Have a function of the library ask models, then save and print the result.

    `options` are those of `harness_options` and `evaluation_options`, and what else the function takes by these names.
    """
    hide_loading_bars()
    settings, hub, parts = read_harness(options), read_hub(options), keep_answers(out)
    result = evaluate(models, settings=settings, hub=hub, parts=parts, say=make_stages().say, **options)
    if result is not None:
        finish(result, out, as_json)
        parts.clear()


def listed(text: str) -> list[str]:
    """Split names at commas."""
    return [name.strip() for name in text.split(",") if name.strip()]
