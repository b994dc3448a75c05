"""Fine-tune models on XNLI: what `vocabx evaluate xnli --finetune` does instead of asking language models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vocabx.cli.document_options import keep_parts
from vocabx.cli.evaluate import evaluation_options, finish
from vocabx.cli.options import hide_loading_bars, make_stages, read_hub

if TYPE_CHECKING:
    from vocabx.evaluation.finetuning import Finetuning

__all__ = ["WithFinetuning", "command", "read_finetuning", "read_tests", "training_options"]

Command = Callable[..., Any]
FLAG = "--finetune"


def training_options(command: Command) -> Command:
    """Add the options that say how models are trained."""
    options = (
        click.option("--epochs", type=float, default=3.0, show_default=True, help="How often examples are seen."),
        click.option("--steps", type=int, help="Take so many steps instead of --epochs."),
        click.option("--learning-rate", type=float, default=2e-5, show_default=True, help="The highest one."),
        click.option("--batch-size", type=int, default=32, show_default=True, help="Examples in a step."),
        click.option("--max-length", type=int, default=128, show_default=True, help="Tokens at which one is cut off."),
        click.option(
            "--frozen-embeddings",
            is_flag=True,
            help="Leave the rows of the vocabulary as they are: faster, and rows of all languages stay together.",
        ),
        click.option("--seeds", type=int, default=3, show_default=True, help="How many times to train each model."),
        click.option("--seed", type=int, default=0, show_default=True, help="The first of these; also of all draws."),
        click.option("--limit", type=int, help="Read so many examples of each file, the first. Default: all."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def read_finetuning(options: dict[str, Any], out: Path | None) -> Finetuning:
    """Turn the values of `training_options`, `evaluation_options` and `hub_options` into what the library takes."""
    from vocabx.eval.finetune.recipe import Recipe
    from vocabx.evaluation.finetuning import Finetuning

    names = ("epochs", "steps", "learning_rate", "batch_size", "max_length", "frozen_embeddings", "dtype")
    recipe = Recipe(**{name: options.pop(name) for name in names})
    how = {name: options.pop(name) for name in ("seeds", "seed", "limit", "device")}
    return Finetuning(recipe, **how, hub=read_hub(options), say=make_stages().say, parts=keep_parts(out))


def read_tests(tests: Sequence[str]) -> dict[str, Path]:
    """Read LANGUAGE=FILE, each of another language."""
    found = dict[str, Path]()
    for text in tests:
        name, path = split_name(text)
        if not name:
            message = f"{path} has no language; write the code of its language before it: --test CODE={path}."
            raise click.BadParameter(message, param_hint="--test")
        if name in found:
            raise click.BadParameter(f"{name!r} is the language of two tests.", param_hint="--test")
        found[name] = path
    return found


def split_name(text: str) -> tuple[str | None, Path]:
    """Read NAME=FILE, or FILE, where one of that spelling is there or no name is given."""
    name, separator, path = text.partition("=")
    return (None, Path(text)) if not separator or Path(text).exists() else (name, Path(path))


@click.command("xnli")
@evaluation_options
@click.option(FLAG, is_flag=True, help="Given: train encoders, instead of asking language models.")
@click.option(
    "--train", required=True, metavar="[LANGUAGE=]FILE", help="Pairs to learn from, such as MNLI: TSV, JSONL or JSON."
)
@click.option(
    "--test", "tests", required=True, multiple=True, metavar="LANGUAGE=FILE", help="Pairs to answer. May be repeated."
)
@click.option(
    "--folds",
    type=int,
    metavar="K",
    help="Where there is no training set apart: --train and --test are aligned by rows, and each of K parts is "
    "answered by a model that learned from the others. No premise is on both sides, in any language.",
)
@training_options
def command(
    models: Sequence[str],
    out: Path | None,
    as_json: bool,
    finetune: bool,
    train: str,
    tests: Sequence[str],
    folds: int | None,
    **options: Any,
) -> None:
    """Train each MODEL on inference in one language, and test it in others.

    All of a model is trained, with a fresh head, by transformers' Trainer, once for each seed. Beside each accuracy
    stand its interval over premises and what the best constant answer gets. Nothing of the trained models is kept;
    an interrupted evaluation with --out goes on with the model that it was at.
    """
    from vocabx.evaluation.finetune import InferenceFiles, finetune_xnli

    hide_loading_bars()
    language, path = split_name(train)
    files = InferenceFiles(path, read_tests(tests), folds, language)
    how = read_finetuning(options, out)
    finish(finetune_xnli(models, files, how), out, as_json)
    how.parts.clear()


class WithFinetuning(click.Command):
    """A command that leaves its place to the one above where `--finetune` is among the arguments."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse the arguments as the command that is meant has them."""
        if FLAG in args:
            return command.make_context(info_name, args, parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Say that there are other options."""
        super().format_epilog(context, formatter)
        formatter.write_paragraph()
        formatter.write_text(f"With {FLAG} encoders are trained and tested; {FLAG} --help says how.")
