"""Options and helpers that commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

if TYPE_CHECKING:
    from vocabx.core.report import Report
    from vocabx.request import Settings
    from vocabx.stages import Stages

__all__ = [
    "as_json_option",
    "force_option",
    "hide_loading_bars",
    "learning_options",
    "make_stages",
    "model_directory",
    "print_report",
    "read_settings",
]

Command = TypeVar("Command", bound=Callable[..., Any])

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
force_option = click.option("--force", is_flag=True, help="Replace an earlier output of vocabx.")


def learning_options(command: Command) -> Command:
    """Add the options that say what may be learned."""
    # The defaults are those of `Request`; a test compares them, because importing it here would be slow.
    options = [
        click.option(
            "--corpus",
            multiple=True,
            required=True,
            metavar="PATH",
            help="Target-language text: file, directory or quoted pattern; .txt, .jsonl(.gz/.zst), .parquet. "
            "May be repeated.",
        ),
        click.option(
            "--size", type=int, help="Number of new tokens. Not needed with --with: all that can be reached then."
        ),
        click.option(
            "--minimum-frequency",
            type=int,
            default=5,
            show_default=True,
            help="Do not merge pairs that occur less often.",
        ),
        click.option(
            "--longest-token",
            "longest",
            type=int,
            default=16,
            show_default=True,
            help="Characters in the longest token.",
        ),
        click.option(
            "--scripts",
            metavar="NAMES",
            help="Scripts that a new token must carry, such as Hangul,Han; or any. Default: those of the corpus that "
            "the source sample does not use.",
        ),
        click.option(
            "--source-sample",
            multiple=True,
            metavar="PATH",
            help="Source-language text whose ids must hold. Default: an English sample, of the Python documentation.",
        ),
        click.option(
            "--source-change-limit",
            type=float,
            metavar="SHARE",
            help="Share of source lines whose ids may change. Default: 0 for new scripts, else 0.005.",
        ),
        click.option(
            "--compose/--no-compose", default=True, show_default=True, help="Bring the corpus to Unicode NFC."
        ),
        click.option("--exclude", metavar="REGEX", help="Learn no token in whose text this is found."),
        click.option("--digits/--no-digits", default=True, show_default=True, help="Learn tokens that hold a digit."),
        click.option(
            "--punctuation/--no-punctuation",
            default=True,
            show_default=True,
            help="Learn tokens that hold anything but letters, digits and spaces.",
        ),
        click.option("--reuse-reserved", is_flag=True, help="Take slots that the tokenizer's makers reserved first."),
        click.option(
            "--control-token",
            "control_tokens",
            multiple=True,
            metavar="TOKEN",
            help="Add a token such as <|tool|> that is cut out of text, on top of --size. May be repeated.",
        ),
        click.option(
            "--with",
            "donor",
            metavar="TOKENIZER",
            help="Take the new tokens from this tokenizer, a directory or hub id, instead of learning them.",
        ),
        click.option("--text-field", default="text", show_default=True, help="Field of JSONL and Parquet records."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def read_settings(options: dict[str, Any]) -> Settings:
    """Turn the values of `learning_options` into keywords of `Request`; takes them out of `options`."""
    names = options.pop("scripts")
    scripts = None if names is None else tuple(name.strip() for name in names.split(","))
    return cast("Settings", {**options, "scripts": scripts})


def make_stages() -> Stages:
    """Return stages that show themselves on stderr until the command ends."""
    from vocabx.progress import StderrProgress
    from vocabx.stages import Stages

    progress = StderrProgress()
    click.get_current_context().call_on_close(progress.close)
    return Stages(progress)


def hide_loading_bars() -> None:
    """Keep transformers from drawing its own progress bars."""
    # transformers draws one for each model it opens; these commands say themselves what they do.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def print_report(report: Report, as_json: bool) -> None:
    """Print the result of a command on stdout."""
    click.echo(report.to_json() if as_json else report.to_text())


def model_directory(model: str) -> Path:
    """Find the directory of a model or hub id whose tokenizer is needed, not its weights."""
    from vocabx.checkpoint.resolve import resolve_model

    return resolve_model(model, weights=False)
