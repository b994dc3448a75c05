"""The command line: parse, call, print."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from vocabx import __version__
from vocabx.core.errors import InputError, VocabxError

if TYPE_CHECKING:
    from vocabx.core.report import Report
    from vocabx.request import Settings
    from vocabx.stages import Stages

__all__ = ["main"]

Command = TypeVar("Command", bound=Callable[..., Any])

TERMINATED = 128 + signal.SIGTERM


class _Group(click.Group):
    """Prints a VocabxError as one sentence; every other exception is a bug and keeps its traceback."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except VocabxError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt as interrupt:
            click.echo("\nInterrupted. Nothing was changed.", err=True)
            raise SystemExit(130) from interrupt
        except SystemExit as stop:
            if stop.code == TERMINATED:
                click.echo("Terminated. Nothing was changed.", err=True)
            raise


def _stages() -> Stages:
    from vocabx.progress import StderrProgress
    from vocabx.stages import Stages

    progress = StderrProgress()
    click.get_current_context().call_on_close(progress.close)
    return Stages(progress)


def _hide_loading_bars() -> None:
    # transformers draws one for each model it opens; these commands say themselves what they do.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def _print(report: Report, as_json: bool) -> None:
    click.echo(report.to_json() if as_json else report.to_text())


def _directory(model: str) -> Path:
    from vocabx.checkpoint.resolve import resolve_model

    return resolve_model(model, weights=False)


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
        click.option("--size", type=int, required=True, help="Number of new tokens."),
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
        click.option("--text-field", default="text", show_default=True, help="Field of JSONL and Parquet records."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _settings(options: dict[str, Any]) -> Settings:
    names = options.pop("scripts")
    scripts = None if names is None else tuple(name.strip() for name in names.split(","))
    return cast("Settings", {**options, "scripts": scripts})


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def main() -> None:
    """Give a pretrained language model the vocabulary of a new language."""
    # Without torch, transformers announces that models cannot be used; here only its tokenizers are.
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")


@main.command()
@click.argument("model")
@learning_options
@click.option(
    "--method", default="constituents", show_default=True, help="How new rows are made; `vocabx methods` lists them."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Fixes every draw.")
@click.option("--pad-to-multiple", type=int, help="Pad the matrices to a multiple of this many rows.")
@click.option("--out", type=click.Path(path_type=Path), help="Directory to write.")
@click.option("--dry-run", is_flag=True, help="Print the plan and write nothing; needs no --out.")
@force_option
@as_json_option
def extend(
    model: str,
    corpus: Sequence[str],
    size: int,
    out: Path | None,
    dry_run: bool,
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Write MODEL, a directory or hub id, with a vocabulary extended from text."""
    from vocabx.directories import extend, plan_extension
    from vocabx.request import Request

    stages, settings = _stages(), _settings(options)
    if dry_run:
        extension, _ = plan_extension(model, Request(corpus, size, **settings), stages)
        headline = "A dry run: nothing was written."
    elif out is None:
        raise click.UsageError("Name the directory to write with --out, or use --dry-run.")
    else:
        extension = extend(model, corpus, out, size=size, force=force, stages=stages, **settings)
        headline = f"Written to {out}. Prove it with: vocabx verify {out} --base {model}"
    _print(extension.report(stages, headline), as_json)


@main.group()
def tokenizer() -> None:
    """Extend or audit a tokenizer alone."""


@tokenizer.command("extend")
@click.argument("model")
@learning_options
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Directory to write.")
@force_option
@as_json_option
def tokenizer_extend(
    model: str, corpus: Sequence[str], size: int, out: Path, force: bool, as_json: bool, **options: Any
) -> None:
    """Write the tokenizer of MODEL extended from text, without weights."""
    from vocabx.directories import extend_tokenizer_only
    from vocabx.extension import tokenizer_report

    stages = _stages()
    extended = extend_tokenizer_only(model, corpus, out, size=size, force=force, stages=stages, **_settings(options))
    _print(tokenizer_report(extended, stages, f"Written to {out}."), as_json)


@tokenizer.command("audit")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "--text",
    "texts",
    multiple=True,
    required=True,
    metavar="[LABEL=]PATH",
    help="Text to measure, with the label of its language. May be repeated.",
)
@click.option("--text-field", default="text", show_default=True, help="Field of JSONL and Parquet records.")
@as_json_option
def tokenizer_audit(models: Sequence[str], texts: Sequence[str], text_field: str, as_json: bool) -> None:
    """Say what each tokenizer makes of each text, side by side."""
    from vocabx.core.corpus import Corpus
    from vocabx.eval.audit import audit
    from vocabx.tokenizer_tools.read import read_tokenizer

    labelled = {
        label if path else Path(label).stem: path or label for label, _, path in (t.partition("=") for t in texts)
    }
    corpora = {label: Corpus.open([path], text_field).batches for label, path in labelled.items()}
    names = [Path(model).name if Path(model).exists() else model for model in models]
    if len(set(names)) < len(names):
        names = list(models)
    segmenters = {name: read_tokenizer(_directory(model)) for name, model in zip(names, models, strict=True)}
    _print(audit(segmenters, corpora), as_json)


@main.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--base", metavar="MODEL", help="The model that DIRECTORY was made from.")
@click.option(
    "--corpus",
    multiple=True,
    metavar="PATH",
    help="Source-language text whose ids must hold. Default: an English sample, of the Python documentation.",
)
@click.option("--after-training", is_flag=True, help="Skip what training is meant to change.")
@click.option("--strict", is_flag=True, help="Fail also when a check lacks what it needs.")
@as_json_option
def verify(
    directory: Path, base: str | None, corpus: Sequence[str], after_training: bool, strict: bool, as_json: bool
) -> None:
    """Prove that DIRECTORY is sound; the exit status says whether it is."""
    from vocabx.core.corpus import Corpus
    from vocabx.verification import verify

    lines = Corpus.open(corpus).lines() if corpus else None
    _hide_loading_bars()
    result = verify(directory, base, lines, after_training, _stages().say)
    _print(result.to_report(), as_json)
    if base is None and not as_json:
        click.echo("\nAdd --base MODEL to run the checks that compare with the model this was made from.")
    if not (result.strict_passed if strict else result.passed):
        raise SystemExit(1)


@main.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("tokens", nargs=-1, required=True, metavar="TOKEN...")
@as_json_option
def explain(directory: Path, tokens: Sequence[str], as_json: bool) -> None:
    """Say what new tokens of DIRECTORY are made of; a TOKEN is its text or its id."""
    from vocabx.explanation import Explainer

    explainer = Explainer.open(directory)
    reports = [explainer.explain(token) for token in tokens]
    if as_json:
        click.echo("[" + ",\n".join(report.to_json() for report in reports) + "]")
    else:
        click.echo("\n\n\n".join(report.to_text() for report in reports))


@main.command()
@as_json_option
def methods(as_json: bool) -> None:
    """List the ways to make new rows."""
    from vocabx.initializers.table import methods_report

    _print(methods_report(), as_json)


@main.command()
@click.option("--out", type=click.Path(path_type=Path), help="Keep the extended model in this directory.")
@force_option
def demo(out: Path | None, force: bool) -> None:
    """Extend a small English model to Korean, offline, and prove and measure it."""
    from vocabx.demo import run_demo

    if force and out is None:
        raise InputError("--force replaces an output directory; name it with --out.")
    _hide_loading_bars()
    for part in run_demo(out, force=force, stages=_stages()):
        click.echo(part + "\n")
