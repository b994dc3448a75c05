"""Write what was decided about a model into a directory that appears whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from vocabx.checkpoint import Checkpoint, bytes_to_write, staged_directory, write_checkpoint
from vocabx.checkpoint.read import CONFIG, GENERATION_CONFIG
from vocabx.checkpoint.recoding import Recoding
from vocabx.checkpoint.resolve import resolve_model
from vocabx.core.alignment import Alignment
from vocabx.core.errors import OutputError
from vocabx.core.initialization import Initialization
from vocabx.core.plan import Plan
from vocabx.core.tokens import TokenTable
from vocabx.factorization import MODEL, Factorized
from vocabx.factorization.recoded import write_model_code
from vocabx.manifest import FILE_NAME, Manifest, save_alignments
from vocabx.stages import Stages
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.sentencepiece_file import write_sentencepiece_file
from vocabx.tokenizer_tools.write import TOKENIZER_FILES, TokenizerStyle, check_reopened, write_tokenizer

__all__ = ["Decision", "base_name", "output_directory", "token_texts", "write_model", "write_sentencepiece"]

CARRIED_SUFFIXES = (".json", ".jinja")
CARRIED_NAMES = ("LICENSE", "NOTICE")
MOST_PROBES = 1000
WRITTEN = TOKENIZER_FILES | {FILE_NAME}
MODEL_SETTINGS = (CONFIG, GENERATION_CONFIG)
"""Written by the checkpoint, config.json last of all: with it there, what a crash leaves behind might load."""


class Decision(Protocol):
    """All that decides a result, before anything is written."""

    @property
    def segmenter(self) -> FastSegmenter:
        """The tokenizer to write."""

    @property
    def plan(self) -> Plan:
        """What happens to each id."""

    @property
    def initialization(self) -> Initialization:
        """How new rows are made."""

    @property
    def padding(self) -> Alignment:
        """The one-row rule of the rows that belong to no token."""

    @property
    def manifest(self) -> Manifest:
        """What is written as `vocabx.json`."""

    def probes(self) -> list[str]:
        """Texts that any faithful copy of the tokenizer encodes alike."""


@contextmanager
def output_directory(
    model: str | Path,
    out: Path,
    force: bool,
    in_use: Iterable[Path],
    *,
    weights: bool = True,
    protect: Sequence[Path] = (),
) -> Iterator[tuple[Path, Path]]:
    """Yield the base's directory and a staged one that becomes `out`; it takes nothing away but an earlier output.

    `in_use` names files that `out` must not hold, and `protect` directories that it must not overlap.
    """
    _check_place(out, in_use)
    directory = resolve_model(model, weights=weights)
    with staged_directory(out, force=force, protect=[directory, *protect]) as stage:
        _check_replaced(out)
        yield directory, stage


def _check_place(out: Path, in_use: Iterable[Path]) -> None:
    """Raise `OutputError` where replacing `out` would take away a text that is read, or the current directory."""
    place = out.resolve()
    for needed in (Path.cwd(), *in_use):
        real = needed.resolve()
        if place == real or place in real.parents:
            raise OutputError(f"{place} is or holds {needed}, which is in use. Choose another place for the output.")


def _check_replaced(out: Path) -> None:
    """Raise `OutputError` where `out` holds anything but an earlier output of vocabx."""
    is_empty = out.is_dir() and not any(out.iterdir())
    if os.path.lexists(out) and not is_empty and not (out / FILE_NAME).is_file():
        raise OutputError(f"{out} was not written by vocabx and is not replaced. Choose another place, or remove it.")


def base_name(model: str | Path) -> str:
    """Name a base without the place where it lies."""
    return Path(model).resolve().name if Path(model).exists() else str(model)


def write_model(
    decision: Decision,
    checkpoint: Checkpoint,
    out: Path,
    stages: Stages,
    style: TokenizerStyle | None = None,
    factorized: Factorized | None = None,
) -> None:
    """Write model, tokenizer and manifest into an existing directory, and open it as its users will.

    Of a `factorized` model every row, old and new, is written as its factors or as their product.
    """
    recoding = factorized.recoding if factorized else Recoding()
    with stages("checkpoint"):
        _carry(checkpoint.directory, out)
        write_tokenizer(decision.segmenter, checkpoint.directory, out, style)
        rows = save_alignments(decision.initialization, out)
        manifest = replace(decision.manifest.with_rows(rows), factorization=factorized.record if factorized else {})
        manifest.save(out)
        if factorized and factorized.factorization.form == MODEL:
            write_model_code(out)
        write_checkpoint(
            checkpoint,
            decision.plan,
            decision.initialization,
            out,
            padding=decision.padding,
            recoding=recoding,
            progress=stages.counter(bytes_to_write(checkpoint, decision.plan, recoding)),
        )
    with stages("reopening"):
        check_reopened(out, decision.segmenter, decision.probes())
        write_sentencepiece(decision.segmenter, checkpoint.directory, out, decision.probes(), stages)


def write_sentencepiece(segmenter: FastSegmenter, base: Path, out: Path, probes: Sequence[str], stages: Stages) -> None:
    """Write the `.model` of SentencePiece where there is to be one, and say what became of it."""
    written = write_sentencepiece_file(segmenter, base, out, probes)
    if written is not None:
        stages.notes["SentencePiece model"] = written.reason


def token_texts(tokens: TokenTable) -> list[str]:
    """Return the texts of up to a thousand tokens that are whole characters."""
    ids = np.flatnonzero(tokens.is_text & tokens.is_complete)
    chosen = ids[np.linspace(0, len(ids) - 1, min(MOST_PROBES, len(ids))).astype(np.int64)]
    return [tokens.surfaces[token].decode() for token in chosen]


def _carry(base: Path, out: Path) -> None:
    """Copy settings that the change does not concern; weights in other formats would be stale and are left out."""
    for file in sorted(base.rglob("*")):
        path = file.relative_to(base)
        is_setting = file.suffix in CARRIED_SUFFIXES or file.name.startswith(CARRIED_NAMES)
        is_written = file.name in WRITTEN or file.name.endswith(".index.json") or str(path) in MODEL_SETTINGS
        is_template = path.parts[0] == "additional_chat_templates"
        is_hidden = any(part.startswith(".") for part in path.parts)
        if file.is_file() and is_setting and not is_written and not is_hidden and not is_template:
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, out / path)
