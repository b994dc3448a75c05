"""Advise how many tokens to add."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vocabx.cli.options import (
    as_json_option,
    force_option,
    hide_loading_bars,
    hub_options,
    learning_options,
    make_stages,
    print_report,
    read_settings,
)

__all__ = ["tokenizer_advise"]


# The default is that of `advise`; a test compares them, because importing it here would be slow.
@click.command("advise")
@click.argument("model")
@learning_options
@hub_options
@click.option(
    "--largest",
    type=int,
    default=32_000,
    show_default=True,
    help="The most new tokens to look at; fewer where the corpus gives no more.",
)
@click.option(
    "--text",
    "texts",
    multiple=True,
    metavar="[LABEL=]PATH",
    help="More text to measure, beside the held-out tenth of the corpus. May be repeated.",
)
@click.option("--picture", type=click.Path(path_type=Path), help="Draw the curve into this .png, .svg or .pdf file.")
@force_option
@as_json_option
def tokenizer_advise(
    model: str,
    corpus: Sequence[str],
    largest: int,
    texts: Sequence[str],
    picture: Path | None,
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Say how many tokens to add to the tokenizer of MODEL: what each number saves and costs.

    Tokens are learned on nine tenths of the corpus and measured on every tenth line.
    """
    from vocabx.advice import advise
    from vocabx.advice_picture import draw_advice
    from vocabx.advice_report import advice_report
    from vocabx.picture import check_picture

    if picture is not None:
        check_picture(picture, force=force)
    hide_loading_bars()
    stages = make_stages()
    labelled = {
        label if path else Path(label).stem: path or label for label, _, path in (t.partition("=") for t in texts)
    }
    advice = advise(model, corpus, largest=largest, texts=labelled, stages=stages, **read_settings(options))
    if picture is not None:
        draw_advice(advice, picture, force=force)
    print_report(advice_report(advice, stages), as_json)


# Every size is looked at, so none is asked for, and what is not learned needs no advice.
NOT_ASKED = {"size", "tokenizer_donor", "control_tokens"}
tokenizer_advise.params = [parameter for parameter in tokenizer_advise.params if parameter.name not in NOT_ASKED]
