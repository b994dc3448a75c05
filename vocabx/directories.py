"""Extend a model directory into a new one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Unpack

from vocabx.checkpoint import Checkpoint, bytes_to_write, open_checkpoint, staged_directory, write_checkpoint
from vocabx.checkpoint.read import CONFIG, GENERATION_CONFIG
from vocabx.checkpoint.resolve import resolve_model
from vocabx.core.embeddings import Embeddings
from vocabx.core.errors import OutputError
from vocabx.extension import Extension, prepare, tokenizer_manifest, train
from vocabx.manifest import FILE_NAME, save_alignments
from vocabx.request import Request, Settings, Texts
from vocabx.stages import Stages
from vocabx.tokenizer_tools.extended import ExtendedTokenizer
from vocabx.tokenizer_tools.read import read_tokenizer
from vocabx.tokenizer_tools.write import TOKENIZER_FILES, check_reopened, write_tokenizer

__all__ = ["extend", "extend_tokenizer_only", "plan_extension", "write_extension"]

CARRIED_SUFFIXES = (".json", ".jinja")
CARRIED_NAMES = ("LICENSE", "NOTICE")
WRITTEN = TOKENIZER_FILES | {FILE_NAME}
MODEL_SETTINGS = (CONFIG, GENERATION_CONFIG)
"""Written by the checkpoint, config.json last of all: with it there, what a crash leaves behind might load."""


def extend(
    model: str | Path,
    corpus: Texts,
    out: str | Path,
    *,
    size: int,
    force: bool = False,
    stages: Stages | None = None,
    **settings: Unpack[Settings],
) -> Extension:
    """Write a model with a vocabulary extended from text, ready for continued pretraining.

    Parameters
    ----------
    model : str or Path
        A model directory or a hub id; it is never changed.
    corpus, size, **settings
        As in `Request`.
    out : str or Path
        The directory to write; it appears whole or not at all.
    force : bool
        Replace an `out` that vocabx wrote earlier.
    stages : Stages, optional
        Hears what goes on and measures it.

    Returns
    -------
    Extension
        The plan, the tokenizer, and the manifest that was written as `vocabx.json`.

    Raises
    ------
    VocabxError
        With one sentence about what is wrong with the model, the text, a setting or the disk.

    Notes
    -----
    The rows of the base's ids are copied bit for bit, in the input, an untied head and an output bias; new head rows
    are made of head rows. Only blocks of rows are held in memory.
    """
    request = Request(corpus, size, **settings)
    stages = stages or Stages()
    with _output(model, request, Path(out), force) as (_, stage):
        extension, checkpoint = plan_extension(model, request, stages)
        write_extension(extension, checkpoint, stage, stages)
    return extension


def extend_tokenizer_only(
    model: str | Path,
    corpus: Texts,
    out: str | Path,
    *,
    size: int,
    force: bool = False,
    stages: Stages | None = None,
    **settings: Unpack[Settings],
) -> ExtendedTokenizer:
    """Write the extended tokenizer of a model, or of a directory that holds only a tokenizer; see `extend`."""
    request = Request(corpus, size, **settings)
    stages = stages or Stages()
    text = request.open_corpus()
    with _output(model, request, Path(out), force, weights=False) as (directory, stage):
        tokenizer = train(read_tokenizer(directory), text, request, stages)
        write_tokenizer(tokenizer.segmenter, directory, stage)
        tokenizer_manifest(tokenizer, base_name(model), request, text).save(stage)
        with stages("reopening"):
            check_reopened(stage, tokenizer.segmenter, list(tokenizer.witnesses.values()))
    return tokenizer


@contextmanager
def _output(
    model: str | Path, request: Request, out: Path, force: bool, *, weights: bool = True
) -> Iterator[tuple[Path, Path]]:
    """Yield the base's directory and a staged one that becomes `out`; it takes nothing away but an earlier output."""
    _check_place(out, request)
    directory = resolve_model(model, weights=weights)
    with staged_directory(out, force=force, protect=[directory]) as stage:
        _check_replaced(out)
        yield directory, stage


def _check_place(out: Path, request: Request) -> None:
    """Raise `OutputError` where replacing `out` would take away a text that is read, or the current directory."""
    sample = request.open_sample()
    texts = [*request.open_corpus().files, *(sample.files if sample else ())]
    place = out.resolve()
    for needed in (Path.cwd(), *texts):
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


def plan_extension(
    model: str | Path, request: Request, stages: Stages, tokenizer: ExtendedTokenizer | None = None
) -> tuple[Extension, Checkpoint]:
    """Decide everything and write nothing; a tokenizer that is given is used instead of training one."""
    request.open_corpus()  # a missing file is reported before the base is read
    directory = resolve_model(model)
    with stages("opening the base"):
        checkpoint = open_checkpoint(directory)
        source = read_tokenizer(directory)
        base = Embeddings(source.tokens, checkpoint.matrix(checkpoint.input))
    return prepare(base, source, base_name(model), request, stages, tokenizer), checkpoint


def write_extension(extension: Extension, checkpoint: Checkpoint, out: Path, stages: Stages) -> None:
    """Write model, tokenizer and manifest into an existing directory, and open it as its users will."""
    with stages("checkpoint"):
        _carry(checkpoint.directory, out)
        write_tokenizer(extension.tokenizer.segmenter, checkpoint.directory, out)
        rows = save_alignments(extension.initialization, out)
        extension.manifest.with_rows(rows).save(out)
        write_checkpoint(
            checkpoint,
            extension.plan,
            extension.initialization,
            out,
            padding=extension.padding,
            progress=stages.counter(bytes_to_write(checkpoint, extension.plan)),
        )
    with stages("reopening"):
        check_reopened(out, extension.tokenizer.segmenter, extension.probes())


def _carry(base: Path, out: Path) -> None:
    """Copy settings that the extension does not concern; weights in other formats would be stale and are left out."""
    for file in sorted(base.rglob("*")):
        path = file.relative_to(base)
        is_setting = file.suffix in CARRIED_SUFFIXES or file.name.startswith(CARRIED_NAMES)
        is_written = file.name in WRITTEN or file.name.endswith(".index.json") or str(path) in MODEL_SETTINGS
        is_hidden = any(part.startswith(".") for part in path.parts)
        if file.is_file() and is_setting and not is_written and not is_hidden:
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, out / path)
