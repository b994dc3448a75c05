"""Compare ways to make new rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from vocabx.cli.options import (
    LEFT_BEHIND,
    as_json_option,
    hide_loading_bars,
    hub_options,
    learning_options,
    make_stages,
    read_hub,
    read_row_settings,
    read_settings,
    row_options,
)

if TYPE_CHECKING:
    from vocabx.replacement import ReplaceRequest
    from vocabx.request import Request
    from vocabx.row_request import RowSettings

__all__ = ["compare"]


# The defaults are those of the library; a test compares them, because importing it here would be slow.
@click.command()
@click.argument("model")
@learning_options
@click.option(
    "--tokenizer", metavar="DIRECTORY", help="Instead of --size: the tokenizer to swap in, a directory or a hub id."
)
@click.option(
    "--methods",
    multiple=True,
    metavar="NAME[:OPTION=VALUE...],...",
    help="Methods of `vocabx methods`, with options if need be: focus,wechsel:how=incidence. May be repeated. "
    "Default: all whose materials are given.",
)
@row_options
@hub_options
@click.option(
    "--held-out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="Paragraphs in the target language to measure on, one a line.",
)
@click.option(
    "--held-out-source",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The same paragraphs in the source language, line by line.",
)
@click.option("--paragraphs", type=int, default=200, show_default=True, help="How many to draw.")
@click.option("--minimum-bytes", type=int, default=200, show_default=True, help="Of each paragraph on either side.")
@click.option(
    "--steps",
    type=int,
    default=0,
    show_default=True,
    help="Train the new rows so many steps on the corpus, then measure again.",
)
@click.option("--tokens-per-step", type=int, default=256, show_default=True, help="Tokens in a step of training.")
@click.option(
    "--learning-rate",
    type=float,
    default=0.002,
    show_default=True,
    help="Of the first step, as a share of the size of the base's entries.",
)
@click.option("--train-all-rows", is_flag=True, help="Train old rows too, not only the new ones.")
@click.option("--seeds", type=int, default=3, show_default=True, help="How many times to train, on other text.")
@click.option(
    "--greedy",
    type=int,
    default=0,
    show_default=True,
    help="Count next tokens that differ from the base's in so many source paragraphs.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="What to compute in. bfloat16 is three times as fast where the processor has it, and rounds.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Keep each result, and trained vectors, in this directory; the same command goes on where it was cut off.",
)
@click.option("--picture", type=click.Path(path_type=Path), help="Draw the comparison into this .png, .svg or .pdf.")
@click.option("--dry-run", is_flag=True, help="Print how long it would take, and stop.")
@click.option(
    "--force",
    is_flag=True,
    help="Replace the --picture. What --out holds is never replaced; no --force is needed to go on.",
)
@as_json_option
def compare(
    model: str,
    methods: Sequence[str],
    held_out: Path,
    held_out_source: Path | None,
    paragraphs: int,
    minimum_bytes: int,
    steps: int,
    tokens_per_step: int,
    learning_rate: float,
    train_all_rows: bool,
    seeds: int,
    greedy: int,
    dtype: str,
    out: Path | None,
    picture: Path | None,
    dry_run: bool,
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Rank ways to make new rows of MODEL by bits per byte on text that no tokenizer has seen.

    The tokenizer is made once, and no model is written. How long it will take is said beforehand, on stderr.
    """
    from vocabx.comparison.compare import Comparer
    from vocabx.comparison.pairs import read_held_out
    from vocabx.comparison.picture import draw_comparison
    from vocabx.comparison.probe import Probe
    from vocabx.comparison.report import comparison_json, comparison_report
    from vocabx.comparison.results import Results, check_place
    from vocabx.comparison.setting import Setting, check_variants, open_materials, usable_variants
    from vocabx.comparison.variants import parse_variants
    from vocabx.core.report import Report
    from vocabx.eval.decoder import require_torch
    from vocabx.picture import check_picture

    if out is not None:
        kept = f"What was measured is kept in {out}; the same command goes on from there."
        click.get_current_context().meta[LEFT_BEHIND] = kept
    probe = Probe(steps, tokens_per_step, learning_rate, train_all_rows)
    chosen = parse_variants(methods) if methods else None
    request = _request(options, out)
    if picture is not None:
        check_picture(picture, force=force)
    require_torch()
    hide_loading_bars()
    stages = make_stages()
    texts = read_held_out(held_out, held_out_source, minimum_bytes, paragraphs, request.seed)
    materials = open_materials(request)
    variants = chosen or usable_variants(materials)
    check_variants(variants, materials)
    if out is not None:
        check_place(out, make=not dry_run)
    setting = Setting.open(model, request, stages, materials)
    comparer = Comparer(
        setting,
        texts,
        variants,
        probe,
        range(seeds),
        dtype,
        greedy,
        Results(out),
        stages,
    )
    cost = comparer.cost()
    spelt = Report("", cost.facts()).to_text()
    if dry_run:
        click.echo(_spell(cost.to_json()) if as_json else spelt)
        return
    click.echo(spelt, err=True)
    comparison = comparer.run()
    if picture is not None:
        draw_comparison(comparison, picture, force=force)
    click.echo(_spell(comparison_json(comparison)) if as_json else comparison_report(comparison).to_text())


def _spell(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2)


NOT_ASKED = {"method", "method_options", "rows", "factorize", "factorize_form", "balanced"}
"""Several methods are named, and what is written of one does not concern a comparison."""
compare.params = [parameter for parameter in compare.params if parameter.name not in NOT_ASKED]
for parameter in compare.params:
    parameter.required = parameter.required and parameter.name != "corpus"  # a tokenizer may be swapped in without


def _request(options: dict[str, Any], out: Path | None) -> Request | ReplaceRequest:
    """Ask for an extension, or for a replacement where a tokenizer is named."""
    from vocabx.comparison.results import CACHE
    from vocabx.replacement import ReplaceRequest
    from vocabx.request import Request

    options |= {"method": "mean", "method_options": (), "rows": None}
    options |= {"factorize": None, "factorize_form": "", "balanced": False}
    if options["cache"] is None and out is not None:
        options["cache"] = out / CACHE
    tokenizer, corpus, size = (options.pop(name) for name in ("tokenizer", "corpus", "size"))
    if tokenizer is None:
        if not corpus:
            raise click.UsageError("Name text to learn tokens from with --corpus, or a tokenizer with --tokenizer.")
        return Request(corpus, size, **read_settings(options))
    if size is not None:
        raise click.UsageError("A tokenizer that is swapped in has its size; leave out --size or --tokenizer.")
    rows = {**read_row_settings(options), "text_field": options["text_field"], "hub": read_hub(options)}
    return ReplaceRequest(tokenizer, corpus, **cast("RowSettings", rows))
