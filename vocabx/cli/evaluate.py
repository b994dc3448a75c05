"""Measure models: the group of evaluations, and what their commands have in common."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from vocabx.cli.options import as_json_option, hub_options, print_report
from vocabx.core.errors import InputError
from vocabx.evaluation.result import Result

__all__ = ["EVALUATIONS", "evaluate", "evaluation_options", "finish"]

Command = Callable[..., Any]
EVALUATIONS = {
    "evaluate_fertility": "Count the tokens that texts take.",
    "evaluate_bits_per_byte": "Measure how well models predict text.",
    "evaluate_retention": "Measure what is left of the old language.",
    "evaluate_speed": "Measure how fast models write and read.",
    "evaluate_translate": "Have models translate, and compare them by chrF.",
    "evaluate_kobest": "Have models answer five Korean tasks.",
    "evaluate_xnli": "Ask models what follows from a sentence.",
    "evaluate_ner": "Train models to find entities.",
    "evaluate_retrieval": "Find translations by nearness.",
}
"""Modules of this package with the commands, and what the list of them says of each."""


@click.group()
def evaluate() -> None:
    """Measure what models make of text and tasks, side by side."""


def _check_out(context: click.Context, parameter: click.Parameter, out: Path | None) -> Path | None:
    """Refuse to replace a file that is no result, before the long work."""
    if out is not None and out.exists():
        try:
            Result.load(out)
        except InputError as error:
            raise InputError(
                f"{out} is no result of `vocabx evaluate` and is not replaced. Choose another file for --out."
            ) from error
    return out


def _check_computing(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse a type or a device at once, and not when the first model is opened."""
    if value is not None:
        from vocabx.evaluation.computing import check_computing

        check_computing(**{str(parameter.name): value})
    return value


def evaluation_options(command: Command) -> Command:
    """Add what every evaluation of models takes: models, where the result goes, and what they run on.

    The first model is the one that others are compared with.
    """
    options = (
        click.argument("models", nargs=-1, required=True, metavar="MODEL..."),
        click.option(
            "--out",
            type=click.Path(path_type=Path, dir_okay=False),
            callback=_check_out,
            metavar="FILE",
            help="Write the result here, as JSON that `vocabx report` reads.",
        ),
        click.option(
            "--device",
            callback=_check_computing,
            metavar="NAME",
            help="What to run on, such as cpu or cuda:1. Default: a GPU where there is one.",
        ),
        click.option(
            "--dtype",
            default="float32",
            callback=_check_computing,
            show_default=True,
            help="Type to compute in: float32, bfloat16 or float16.",
        ),
        hub_options,
        as_json_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


def finish(result: Result, out: Path | None, as_json: bool) -> None:
    """Save a result where it is asked for, and print it."""
    from vocabx.evaluation.reporting.report import to_report

    if out:
        result.save(out)
        click.echo(f"The result is in {out}.", err=True)
    if as_json:
        import json

        click.echo(json.dumps(result.to_json(), ensure_ascii=False, indent=1))
    else:
        print_report(to_report(result), as_json=False)


for _name, _summary in EVALUATIONS.items():
    _command = importlib.import_module(f"vocabx.cli.{_name}").command
    _command.short_help = _summary
    evaluate.add_command(_command)
