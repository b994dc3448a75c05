"""Say what tokenizers make of texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from vocabx.cli.options import as_json_option, hub_options, model_directory, print_report, read_hub
from vocabx.core.errors import InputError

__all__ = ["open_texts", "tokenizer_audit"]


Batches = Callable[[], Iterable[Sequence[str]]]


@click.command("audit")
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
@hub_options
@as_json_option
def tokenizer_audit(
    models: Sequence[str], texts: Sequence[str], text_field: str, as_json: bool, **options: Any
) -> None:
    """Say what each tokenizer makes of each text, side by side."""
    from vocabx.eval.audit import audit
    from vocabx.tokenizer_tools.read import read_tokenizer

    corpora = open_texts(texts, text_field)
    names = [Path(model).name if Path(model).exists() else model for model in models]
    if len(set(names)) < len(names):
        names = list(models)
    hub = read_hub(options)
    segmenters = {name: read_tokenizer(model_directory(model, hub)) for name, model in zip(names, models, strict=True)}
    print_report(audit(segmenters, corpora), as_json)


def open_texts(texts: Sequence[str], text_field: str = "text") -> dict[str, Batches]:
    """Open each [LABEL=]PATH; without a label the name of the file is one."""
    from vocabx.core.corpus import Corpus

    labelled: dict[str, str] = {}
    for text in texts:
        label, _, path = text.partition("=")
        label, path = (label, path) if path else (Path(label).stem, label)
        if label in labelled:
            raise InputError(f"Two texts are called {label!r}: {labelled[label]} and {path}. Label them: LABEL=PATH.")
        labelled[label] = path
    return {label: Corpus.open([path], text_field).batches for label, path in labelled.items()}
