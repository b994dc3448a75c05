"""Write what the checks find into a model card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vocabx.cli.options import (
    hide_loading_bars,
    hub_options,
    make_stages,
    model_directory,
    read_hub,
    trust_pickle_option,
)

__all__ = ["card"]


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--base", metavar="MODEL", help="The model that DIRECTORY was made from.")
@click.option(
    "--corpus", multiple=True, metavar="PATH", help="Source-language text whose ids must hold, as for `vocabx verify`."
)
@click.option("--after-training", is_flag=True, help="Skip what training is meant to change.")
@click.option(
    "--text",
    "texts",
    multiple=True,
    metavar="[LABEL=]PATH",
    help="Text to measure the tokenizers on, with the label of its language. May be repeated.",
)
@click.option(
    "--results",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write results of `vocabx evaluate` into the card, in place of those there; with nothing else asked for, "
    "instead of the checks. May be repeated.",
)
@trust_pickle_option
@hub_options
def card(
    directory: Path,
    base: str | None,
    corpus: Sequence[str],
    after_training: bool,
    texts: Sequence[str],
    results: Sequence[Path],
    trust_pickle: bool,
    **options: Any,
) -> None:
    """Check DIRECTORY and write the results into its README.md, between two marks; the rest of it stays.

    The exit status says whether DIRECTORY is sound, as that of `vocabx verify` does.
    """
    if results:
        _write_results(directory, results)
        if base is None and not corpus and not texts:
            return
    from vocabx.card import CARD, write_proof
    from vocabx.cli.tokenizer_audit import open_texts
    from vocabx.core.corpus import Corpus
    from vocabx.eval.audit import audit
    from vocabx.manifest import Manifest
    from vocabx.tokenizer_tools.read import read_tokenizer
    from vocabx.verification import verify

    hide_loading_bars()
    hub, labelled = read_hub(options), open_texts(texts)
    lines = Corpus.open(corpus).lines() if corpus else None
    result = verify(directory, base, lines, after_training, make_stages().say, hub=hub, trust_pickle=trust_pickle)
    reports = [result.to_report()]
    if labelled:
        name = Manifest.load(directory).base
        tokenizers = {name: read_tokenizer(model_directory(base, hub))} if base is not None else {}
        reports.append(audit({**tokenizers, "this model": read_tokenizer(directory)}, labelled))
    write_proof(directory / CARD, reports)
    click.echo(f"{reports[0].headline}. Written to {directory / CARD}.")
    if not result.passed:
        raise SystemExit(1)


def _write_results(directory: Path, files: Sequence[Path]) -> None:
    from vocabx.card import CARD
    from vocabx.card.results import write_results
    from vocabx.core.errors import InputError
    from vocabx.evaluation.context import describe_model
    from vocabx.evaluation.reporting.combining import combine
    from vocabx.evaluation.result import Result

    if not (directory / "config.json").is_file():
        raise InputError(f"{directory} is no model directory: it has no config.json.")
    combination = combine([Result.load(file) for file in files])
    write_results(directory / CARD, combination, describe_model(directory.resolve().name, directory))
    count = len(combination.groups)
    click.echo(f"{count} evaluation{'' if count == 1 else 's'} written to {directory / CARD}.")
