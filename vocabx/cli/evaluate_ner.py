"""Measure what models learn of entities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vocabx.cli.evaluate import evaluation_options, finish
from vocabx.cli.evaluate_finetune import read_finetuning, read_tests, training_options
from vocabx.cli.options import hide_loading_bars

__all__ = ["command"]


@click.command("ner")
@evaluation_options
@click.option(
    "--train",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="Sentences to learn from, as CoNLL has them: a word a line, its tag in the last column.",
)
@click.option(
    "--test", "tests", required=True, multiple=True, metavar="LANGUAGE=FILE", help="Sentences to tag. May be repeated."
)
@training_options
def command(
    models: Sequence[str], out: Path | None, as_json: bool, train: Path, tests: Sequence[str], **options: Any
) -> None:
    """Train each MODEL to find entities in one language, and test it in others.

    All of a model is trained, with a fresh head, by transformers' Trainer, once for each seed. F1 is of whole entities,
    with an interval over sentences. Tags may be of IOB1, IOB2, IOBES or BILOU. Nothing of the trained models is kept;
    an interrupted evaluation with --out goes on with the model that it was at.
    """
    from vocabx.evaluation.ner import EntityFiles, finetune_ner

    hide_loading_bars()
    how = read_finetuning(options, out)
    finish(finetune_ner(models, EntityFiles(train, read_tests(tests)), how), out, as_json)
    how.parts.clear()
