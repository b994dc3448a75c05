"""Options and helpers that commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

if TYPE_CHECKING:
    from vocabx.checkpoint.sources.hub_options import HubOptions
    from vocabx.core.report import Report
    from vocabx.request import Settings
    from vocabx.row_request import RowSettings
    from vocabx.stages import Stages

__all__ = [
    "LEFT_BEHIND",
    "as_json_option",
    "force_option",
    "hide_loading_bars",
    "hub_options",
    "learning_options",
    "make_stages",
    "model_directory",
    "print_report",
    "publishing_options",
    "read_hub",
    "read_option",
    "read_row_settings",
    "read_settings",
    "row_options",
    "spell_model",
    "storage_options",
    "trust_pickle_option",
]

LEFT_BEHIND = "vocabx.left_behind"
"""In the context of a command: what it says when it is stopped, where that is not that nothing was changed."""

ROW_SETTINGS = (
    "method",
    "method_options",
    "seed",
    "source_corpus",
    "parallel",
    "links",
    "dictionary",
    "source_vectors",
    "target_vectors",
    "vectors",
    "donor",
    "encoder",
    "cache",
    "trust_pickle",
    "rows",
    "pad_to_multiple",
)
"""Options that `RowRequest` has under the same name."""
STORAGE_SETTINGS = ("shards", "dtype")

Command = TypeVar("Command", bound=Callable[..., Any])

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
trust_pickle_option = click.option(
    "--trust-pickle", is_flag=True, help="Open a model that has PyTorch weights (.bin) alone; only tensors are read."
)
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
            "tokenizer_donor",
            metavar="TOKENIZER",
            help="Take the new tokens from this tokenizer, a directory or hub id, instead of learning them.",
        ),
        click.option("--text-field", default="text", show_default=True, help="Field of JSONL and Parquet records."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def row_options(command: Command) -> Command:
    """Add the options that say how new rows are made and what the method may draw on."""
    options = [
        click.option(
            "--method",
            default="constituents",
            show_default=True,
            help="How new rows are made; `vocabx methods` lists them.",
        ),
        click.option(
            "--method-option",
            "method_options",
            multiple=True,
            metavar="NAME=VALUE",
            help="Set an option of the method; `vocabx methods NAME` lists them. May be repeated.",
        ),
        click.option("--seed", type=int, default=0, show_default=True, help="Fixes every draw."),
        click.option(
            "--source-corpus", multiple=True, metavar="PATH", help="Source-language text, for methods that read some."
        ),
        click.option(
            "--parallel",
            nargs=2,
            metavar="SOURCE TARGET",
            help="Two line-aligned files, of which one translates the other.",
        ),
        click.option("--links", metavar="FILE", help="Word alignments of the parallel lines, such as fast_align's."),
        click.option("--dictionary", metavar="FILE", help="Source words and their translations, a pair a line."),
        click.option("--source-vectors", metavar="FILE", help="Word vectors of the source language."),
        click.option("--target-vectors", metavar="FILE", help="Word vectors of the target language."),
        click.option("--vectors", metavar="FILE", help="Word vectors of both languages in one file."),
        click.option("--donor", metavar="MODEL", help="Another model, whose input rows relate tokens."),
        click.option("--encoder", metavar="MODULE:NAME", help="A Python function or class that gives texts vectors."),
        click.option("--cache", metavar="DIRECTORY", help="Keep trained vectors here, and use those that are there."),
        click.option(
            "--trust-pickle",
            is_flag=True,
            help="Open vector files that hold pickles, which can run code, and PyTorch weights (.bin), of which only "
            "tensors are read.",
        ),
        click.option(
            "--rows",
            metavar="FILE",
            help="Ready-made rows, a .safetensors or .npz file; the method makes those of the tokens that it lacks.",
        ),
        click.option("--pad-to-multiple", type=int, help="Pad the matrices to a multiple of this many rows."),
        click.option(
            "--factorize",
            type=int,
            metavar="K",
            help="Write the embeddings as two factors of rank K, as OFA does. All rows change, and a decoder needs "
            "training afterwards.",
        ),
        click.option(
            "--factorize-form",
            type=click.Choice(["folded", "model"]),
            help="With --factorize: multiply the factors into a stock model (the default), or keep them in a smaller "
            "model with code of its own, which opens with trust_remote_code=True.",
        ),
        click.option(
            "--balanced", is_flag=True, help="With --factorize: share the sizes evenly between the two factors."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def storage_options(command: Command) -> Command:
    """Add the options that say how weights are stored."""
    options = [
        click.option(
            "--shards",
            type=click.Choice(["copy", "hardlink", "reflink"]),
            default="copy",
            show_default=True,
            help="What becomes of weight files that do not change. hardlink: base and output share them; training "
            "that writes new files does not touch them, a program that writes into one changes both. reflink: they "
            "share space until one is written to, where the file system can do that.",
        ),
        click.option(
            "--dtype",
            type=click.Choice(["float32", "float16", "bfloat16"]),
            help="Cast all floating-point weights to this type. Default: each stays what it is.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def hub_options(command: Command) -> Command:
    """Add the options that say how hub ids are looked up."""
    options = [
        click.option("--revision", metavar="NAME", help="Branch, tag or commit of MODEL; MODEL@NAME says the same."),
        click.option("--token", metavar="TOKEN", help="Access token of the hub. Default: HF_TOKEN, or your login."),
        click.option("--cache-dir", metavar="DIRECTORY", help="Where downloads are kept. Default: the hub's cache."),
        click.option("--offline", is_flag=True, help="Look into the cache only, as HF_HUB_OFFLINE=1 does."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def publishing_options(command: Command) -> Command:
    """Add the options that say what the model card names, and where the result is pushed."""
    options = [
        click.option(
            "--language",
            "languages",
            multiple=True,
            metavar="CODE",
            help="Name a language, such as ko, in the model card. May be repeated.",
        ),
        click.option(
            "--push-to-hub", metavar="ORG/NAME", help="Push the result to the hub. Name and token are checked first."
        ),
        click.option("--private", is_flag=True, help="With --push-to-hub: make a private repository, if it is new."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def read_hub(options: dict[str, Any]) -> HubOptions:
    """Turn the values of `hub_options` into what the library takes; takes them out of `options`."""
    from vocabx.checkpoint.sources.hub_options import HubOptions

    return HubOptions(**{name: options.pop(name) for name in ("revision", "token", "cache_dir", "offline")})


def spell_model(model: str, hub: HubOptions) -> str:
    """Name MODEL with the revision that was asked for."""
    return f"{model}@{hub.revision}" if hub.revision else model


def read_settings(options: dict[str, Any]) -> Settings:
    """Turn the values of `learning_options`, and of `row_options` and `hub_options`, into keywords of `Request`."""
    if "offline" in options:
        options["hub"] = read_hub(options)
    names = options.pop("scripts")
    scripts = None if names is None else tuple(name.strip() for name in names.split(","))
    rows = read_row_settings(options) if "method_options" in options else {}
    return cast("Settings", {**options, **rows, "scripts": scripts})


def read_row_settings(options: dict[str, Any]) -> RowSettings:
    """Turn the values of `row_options` into keywords of `RowRequest`; takes them out of `options`."""
    rows = {name: options.pop(name) for name in ROW_SETTINGS}
    rows |= {name: options.pop(name) for name in STORAGE_SETTINGS if name in options}
    rank, form, balanced = (options.pop(name) for name in ("factorize", "factorize_form", "balanced"))
    if rank is None and (form or balanced):
        raise click.UsageError("--factorize-form and --balanced say how to factorise: give --factorize K with them.")
    if rank is not None:
        from vocabx.factorization import FOLDED, Factorization

        rows["factorization"] = Factorization(rank, form or FOLDED, balanced)
    rows["method_options"] = dict(map(read_option, rows["method_options"]))
    return cast("RowSettings", rows)


def read_option(text: str) -> tuple[str, bool | int | float | str]:
    """Read NAME=VALUE; a value is a number, yes or no, or a name."""
    name, separator, value = text.partition("=")
    if not separator:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--method-option")
    if value.lower() in ("yes", "true", "no", "false"):
        return name.strip(), value.lower() in ("yes", "true")
    for kind in (int, float):
        try:
            return name.strip(), kind(value)
        except ValueError:
            continue
    return name.strip(), value


def make_stages() -> Stages:
    """Return stages that show themselves on stderr until the command ends."""
    from vocabx.progress import StderrProgress
    from vocabx.stages import Stages

    progress = StderrProgress()
    click.get_current_context().call_on_close(progress.close)
    return Stages(progress)


def hide_loading_bars() -> None:
    """Keep transformers from drawing its own progress bars and tables of weights."""
    # transformers draws one for each model it opens; these commands say themselves what they do, and what is missing.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


def print_report(report: Report, as_json: bool) -> None:
    """Print the result of a command on stdout."""
    click.echo(report.to_json() if as_json else report.to_text())


def model_directory(model: str, hub: HubOptions) -> Path:
    """Find the directory of a model or hub id whose tokenizer is needed, not its weights."""
    from vocabx.checkpoint.sources.resolve import resolve_model

    return resolve_model(model, weights=False, hub=hub)
