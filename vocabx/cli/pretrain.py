"""Train a model on by a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vocabx.cli.options import (
    LEFT_BEHIND,
    as_json_option,
    hide_loading_bars,
    hub_options,
    print_report,
    read_hub,
)

__all__ = ["pretrain"]


# The defaults are those of `TrainingSettings`; a test compares them, because importing it here would be slow.
@click.command()
@click.argument("model")
@click.option(
    "--recipe",
    default="redwhale",
    show_default=True,
    metavar="NAME",
    help="What is trained in stages: new-rows-only, embeddings-only, frozen-body, redwhale, eeve, 2x2ls, lora, full, "
    "or a .toml file of your own.",
)
@click.option(
    "--corpus",
    multiple=True,
    required=True,
    metavar="PATH",
    help="Target-language text: file, directory or quoted pattern; .txt, .jsonl(.gz/.zst), .parquet. May be repeated.",
)
@click.option("--replay", multiple=True, metavar="PATH", help="Source-language text to mix in. May be repeated.")
@click.option(
    "--replay-share",
    type=float,
    default=0.1,
    show_default=True,
    help="With --replay: its share of the sequences.",
)
@click.option(
    "--held-out",
    multiple=True,
    metavar="[LABEL=]PATH",
    help="Documents to measure bits per byte on, before, in between and at the end. May be repeated.",
)
@click.option(
    "--held-out-limit", type=int, default=200, show_default=True, help="Documents of each, drawn once by the seed."
)
@click.option(
    "--unit",
    type=click.Choice(["line", "paragraph", "file"]),
    default="line",
    show_default=True,
    help="What a document of a plain text file is; a record of JSONL or Parquet is always one.",
)
@click.option("--text-field", default="text", show_default=True, help="Field of JSONL and Parquet records.")
@click.option("--tokens", type=int, help="Tokens to read in all stages together. Default: the corpus once.")
@click.option("--epochs", type=float, help="Instead of --tokens: how often to read the corpus.")
@click.option(
    "--objective",
    type=click.Choice(["causal", "masked"]),
    help="Predict the next token, or masked ones. Default: as the model's class does.",
)
@click.option("--mask-share", type=float, default=0.15, show_default=True, help="Tokens that a masked model predicts.")
@click.option("--whole-words", is_flag=True, help="Mask the tokens of a word together.")
@click.option("--batch-size", type=int, default=8, show_default=True, help="Sequences that a device reads at once.")
@click.option("--accumulate", type=int, default=1, show_default=True, help="Batches of a device in a step.")
@click.option(
    "--length", type=int, help="Tokens of a sequence. Default: the recipe's, or the model's context, at most 2048."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Fixes the order of the text and every draw.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="What to compute in; parameters are trained in float32 and stored in the type that they had.",
)
@click.option(
    "--largest-gradient",
    type=float,
    default=1.0,
    show_default=True,
    help="Cut gradients to this norm; 0 leaves them.",
)
@click.option("--checkpoint-gradients", is_flag=True, help="Save memory by computing states twice.")
@click.option("--cpu", is_flag=True, help="Stay on the CPU where there is a GPU.")
@click.option(
    "--log-every", type=int, default=10, show_default=True, help="Steps from one line of the curve to the next."
)
@click.option("--evaluate-every", type=int, help="Tokens between two measurements. Default: a tenth of the run.")
@click.option("--save-every", type=int, help="Tokens between two saved states. Default: a twentieth of the run.")
@click.option("--keep-stages", is_flag=True, help="Write the model after each stage too, beside --out.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path),
    help="Keep the tokens in this directory: of one corpus, and the text replayed with it.",
)
@click.option("--language", "languages", multiple=True, metavar="CODE", help="Name a language in the model card.")
@hub_options
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Directory to write.")
@click.option(
    "--force",
    is_flag=True,
    help="Replace an earlier output of vocabx, and give up a run in between that was begun with other options.",
)
@as_json_option
def pretrain(
    model: str,
    recipe: str,
    corpus: Sequence[str],
    replay: Sequence[str],
    held_out: Sequence[str],
    unit: str,
    text_field: str,
    cache: Path | None,
    languages: Sequence[str],
    out: Path,
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train MODEL, a directory or hub id, on text, and write it as an ordinary directory.

    A run that was stopped is gone on with by the same command. `accelerate launch -m vocabx pretrain ...` uses several
    GPUs.
    """
    from vocabx.progress import StderrProgress
    from vocabx.training.pretrain import pretrain
    from vocabx.training.processes import is_first
    from vocabx.training.report import pretraining_report
    from vocabx.training.run_state import state_folder
    from vocabx.training.settings import TrainingSettings

    hub = read_hub(options)
    settings = TrainingSettings(**options)
    hide_loading_bars()
    context = click.get_current_context()
    context.meta[LEFT_BEHIND] = (
        f"What was trained is kept in {state_folder(out)}, if a state was saved; the same command goes on from there."
    )
    say = StderrProgress()
    context.call_on_close(say.close)
    done = pretrain(
        model,
        corpus,
        out,
        recipe=recipe,
        settings=settings,
        replay=replay or None,
        held_out=held_out,
        unit=unit,
        text_field=text_field,
        cache=cache,
        force=force,
        languages=languages,
        hub=hub,
        say=say,
    )
    if is_first():
        headline = f"Written to {out}. Prove it with: vocabx verify {out} --base BASE"
        print_report(pretraining_report(done, headline, out), as_json)
