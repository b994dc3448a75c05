"""Train a tokenizer on text."""

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
    make_stages,
    print_report,
    read_hub,
)

__all__ = ["tokenizer_train"]


# The defaults are those of `TrainingOptions`; a test compares them, because importing it here would be slow.
@click.command("train")
@click.option(
    "--corpus",
    multiple=True,
    required=True,
    metavar="[LABEL[:WEIGHT]=]PATH",
    help="Text: file, directory or quoted pattern; .txt, .jsonl(.gz/.zst), .parquet. May be repeated; paths of one "
    "label are one corpus. With weights, corpora take part in these proportions.",
)
@click.option("--size", type=int, help="Tokens in all, special ones included. Default with --like: as many as MODEL.")
@click.option(
    "--family",
    metavar="NAME",
    help="What to make: byte-level-bpe, metaspace-bpe, unigram, wordpiece, sentencepiece-bpe or "
    "sentencepiece-unigram. New BPE and Unigram tokenizers split digits singly, keep line breaks and tabs as bytes "
    "and put <s> before a text.",
)
@click.option(
    "--like",
    metavar="MODEL",
    help="Instead of --family: take everything but the vocabulary from the tokenizer of MODEL. Slots that its makers "
    "kept free are left out.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Directory to write.")
@click.option(
    "--special",
    multiple=True,
    metavar="ROLE=TOKEN",
    help="A special token by its role: bos, eos, unk, sep, pad, cls or mask. May be repeated.",
)
@click.option(
    "--temperature",
    type=float,
    default=1.0,
    show_default=True,
    help="Above 1, small corpora get more than their share: it becomes proportional to share^(1/T).",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Fixes which lines are drawn.")
@click.option(
    "--minimum-frequency", type=int, default=2, show_default=True, help="Do not merge pairs that occur less often."
)
@click.option(
    "--longest-token", "longest", type=int, default=16, show_default=True, help="Characters in the longest token."
)
@click.option(
    "--character-coverage",
    type=float,
    metavar="SHARE",
    help="Share of the corpus's characters that must have a token. Default: 0.9995 where bytes spell the others, "
    "else 1. No use in byte-level families.",
)
@click.option(
    "--compose/--no-compose",
    default=True,
    show_default=True,
    help="Bring the corpus to Unicode NFC. A new tokenizer then does the same to what it reads; one made with --like "
    "keeps the normaliser it has, and SentencePiece families have none.",
)
@click.option("--text-field", default="text", show_default=True, help="Field of JSONL and Parquet records.")
@hub_options
@force_option
@as_json_option
def tokenizer_train(
    corpus: Sequence[str], out: Path, special: Sequence[str], as_json: bool, force: bool, **options: Any
) -> None:
    """Train a tokenizer on text: a new one of a family, or one like that of a model."""
    from vocabx.training_tokenizer import train_tokenizer_only, training_report

    hide_loading_bars()
    stages, hub = make_stages(), read_hub(options)
    roles = {role: token for role, _, token in (text.partition("=") for text in special)}
    result = train_tokenizer_only(corpus, out, special=roles, force=force, stages=stages, hub=hub, **options)
    print_report(training_report(result, stages, f"Written to {out}."), as_json)
