"""Write a model with another tokenizer."""

from __future__ import annotations

from pathlib import Path

import click

from vocabx.cli.options import as_json_option, force_option, make_stages, print_report

__all__ = ["replace"]


@click.command()
@click.argument("model")
@click.option(
    "--tokenizer", required=True, metavar="DIRECTORY", help="The tokenizer to swap in: a directory or a hub id."
)
@click.option(
    "--method", default="constituents", show_default=True, help="How new rows are made; `vocabx methods` lists them."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Fixes every draw.")
@click.option("--pad-to-multiple", type=int, help="Pad the matrices to a multiple of this many rows.")
@click.option("--out", type=click.Path(path_type=Path), help="Directory to write.")
@click.option("--dry-run", is_flag=True, help="Print the plan and write nothing; needs no --out.")
@force_option
@as_json_option
def replace(
    model: str,
    tokenizer: str,
    method: str,
    seed: int,
    pad_to_multiple: int | None,
    out: Path | None,
    dry_run: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Write MODEL, a directory or hub id, with another tokenizer."""
    from vocabx.replacement import ReplaceRequest, plan_replacement, replace

    stages, request = make_stages(), ReplaceRequest(tokenizer, method, seed, pad_to_multiple)
    if dry_run:
        replacement, _ = plan_replacement(model, request, stages)
        headline = "A dry run: nothing was written."
    elif out is None:
        raise click.UsageError("Name the directory to write with --out, or use --dry-run.")
    else:
        replacement = replace(
            model,
            tokenizer,
            out,
            method=method,
            seed=seed,
            pad_to_multiple=pad_to_multiple,
            force=force,
            stages=stages,
        )
        headline = f"Written to {out}. Prove it with: vocabx verify {out} --base {model}"
    print_report(replacement.report(stages, headline), as_json)
