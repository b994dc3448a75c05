"""Measure translation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vocabx.cli.evaluate import evaluation_options, finish
from vocabx.cli.options import hide_loading_bars, make_stages, read_hub

__all__ = ["command"]


@click.command("translate")
@evaluation_options
@click.option("--source", type=click.Path(path_type=Path), metavar="FILE", help="Lines to translate.")
@click.option("--target", type=click.Path(path_type=Path), metavar="FILE", help="Their translations, line by line.")
@click.option(
    "--pairs",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Instead of both: one file with source and target in each line, a tab between them.",
)
@click.option(
    "--languages",
    required=True,
    metavar="SOURCE,TARGET",
    help="What the prompt calls the two languages, such as English,Korean.",
)
@click.option(
    "--direction",
    type=click.Choice(["both", "forth", "back"]),
    default="both",
    show_default=True,
    help="From source to target, back, or both.",
)
@click.option("--few-shot", type=int, default=0, show_default=True, help="Examples before each question.")
@click.option(
    "--examples",
    nargs=2,
    type=click.Path(path_type=Path),
    metavar="SOURCE TARGET",
    help="Take examples from these files instead of the first lines, which are then asked for too.",
)
@click.option("--limit", type=int, metavar="N", help="Ask for the first N pairs that are left.")
@click.option(
    "--new-tokens",
    type=int,
    metavar="N",
    help="The most tokens of an answer. Default: half as many again as the longest reference has in each model.",
)
@click.option("--batch-size", type=int, default=1, show_default=True, help="Lines that are translated at once.")
@click.option("--seed", type=int, default=0, show_default=True, help="Fixes the draws behind intervals.")
def command(
    models: Sequence[str],
    source: Path | None,
    target: Path | None,
    pairs: Path | None,
    languages: str,
    examples: tuple[Path, Path] | None,
    out: Path | None,
    device: str | None,
    dtype: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Have causal models translate line-aligned texts in lm-evaluation-harness, and compare them by chrF.

    A model reads "SOURCE: line" and, in the next line, "TARGET:", after examples in the same form with a blank line
    after each, and its answer ends with the line. Examples are never asked for, and neither are pairs that are
    blank on a side or the same on both. The floor is what the source lines themselves score.
    """
    from vocabx.evaluation.translation import evaluate_translation
    from vocabx.evaluation.translation_request import TranslationRequest

    hide_loading_bars()
    hub = read_hub(options)
    names = languages.split(",")
    if len(names) != 2:
        raise click.UsageError(f"--languages takes two names, such as English,Korean, and not {languages!r}.")
    request = TranslationRequest(
        _files(source, target, pairs), (names[0].strip(), names[1].strip()), examples=examples or (), **options
    )
    result = evaluate_translation(models, request, device=device, dtype=dtype, hub=hub, say=make_stages().say)
    finish(result, out, as_json)


def _files(source: Path | None, target: Path | None, pairs: Path | None) -> tuple[Path, ...]:
    if pairs is not None and source is None and target is None:
        return (pairs,)
    if pairs is None and source is not None and target is not None:
        return source, target
    raise click.UsageError("Name the lines with --source and --target, or with --pairs.")
