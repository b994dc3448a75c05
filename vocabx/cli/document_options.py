"""Options of the evaluations that read documents, and what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from vocabx.cli.evaluate import finish
from vocabx.cli.options import LEFT_BEHIND, hide_loading_bars, make_stages, read_hub

if TYPE_CHECKING:
    from vocabx.evaluation.parts import Parts
    from vocabx.evaluation.result import Result
    from vocabx.evaluation.text.document_scores import Windows
    from vocabx.evaluation.text.documents import DocumentSettings

__all__ = ["document_options", "keep_parts", "predict_documents", "read_document_settings", "window_options"]

Command = TypeVar("Command", bound=Callable[..., Any])


def document_options(command: Command) -> Command:
    """Add the options that say which documents are read."""
    options = (
        click.option(
            "--text",
            "texts",
            multiple=True,
            required=True,
            metavar="[LABEL=]PATH",
            help="Text to measure on, with the label of its language: file, directory or quoted pattern; .txt, "
            ".jsonl(.gz/.zst), .parquet. May be repeated.",
        ),
        click.option(
            "--document",
            "unit",
            type=click.Choice(["line", "paragraph", "file"]),
            default="line",
            show_default=True,
            help="What a document of a .txt file is; paragraphs stand between blank lines. A record is always one.",
        ),
        click.option(
            "--minimum-bytes", type=int, default=1, show_default=True, help="Leave out documents that are shorter."
        ),
        click.option(
            "--limit",
            type=int,
            metavar="N",
            help="Draw so many documents of each text; of two that have equally many, the same places. Default: all.",
        ),
        click.option("--seed", type=int, default=0, show_default=True, help="Fixes every draw."),
        click.option("--text-field", default="text", show_default=True, help="Field of JSONL and Parquet records."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def window_options(command: Command) -> Command:
    """Add the options that say how much a model reads at once."""
    options = (
        click.option(
            "--window",
            type=int,
            metavar="TOKENS",
            help="Tokens that are read at once, if the context is not shorter. Default: 1024; 256 of a masked model.",
        ),
        click.option(
            "--stride",
            type=int,
            metavar="TOKENS",
            help="Tokens from a window to the next, for documents longer than one. Default: half a window.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def read_document_settings(options: dict[str, Any]) -> DocumentSettings:
    """Turn the values of `document_options` into what the library takes; takes them out of `options`."""
    from vocabx.evaluation.text.documents import DocumentSettings

    names = ("unit", "text_field", "minimum_bytes", "limit", "seed")
    return DocumentSettings(*(options.pop(name) for name in names))


def read_windows(options: dict[str, Any]) -> Windows:
    """Turn the values of `window_options` into what the library takes; takes them out of `options`."""
    from vocabx.evaluation.text.document_scores import Windows

    return Windows(options.pop("window"), options.pop("stride"))


def keep_parts(out: Path | None) -> Parts:
    """Keep what was measured beside the file of the result until that is written, and say so to whoever interrupts."""
    from vocabx.evaluation.parts import Parts

    if out is not None:
        kept = f"What was finished, if anything, is kept beside {out}; the same command goes on from there."
        click.get_current_context().meta[LEFT_BEHIND] = kept
    return Parts.beside(out)


def predict_documents(
    evaluate: Callable[..., Result],
    models: Sequence[str],
    texts: Sequence[str],
    out: Path | None,
    as_json: bool,
    options: dict[str, Any],
) -> None:
    """Have a function of the library measure what models predict of documents, then save and print the result.

    `options` are those of `document_options`, `window_options` and `evaluation_options`, and what else the function
    takes by these names.
    """
    hide_loading_bars()
    documents, windows, hub = read_document_settings(options), read_windows(options), read_hub(options)
    parts = keep_parts(out)
    result = evaluate(
        models,
        texts,
        documents=documents,
        windows=windows,
        hub=hub,
        parts=parts,
        say=make_stages().say,
        **options,
    )
    finish(result, out, as_json)
    parts.clear()
