"""Write what was decided about a model into a directory that appears whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from vocabx.carried_files import carry_files
from vocabx.checkpoint import Checkpoint, bytes_to_write, check_storage, write_checkpoint
from vocabx.checkpoint.sources.hub_options import HubOptions, hub_origin, split_hub_id
from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.checkpoint.staging.atomic import open_staging
from vocabx.checkpoint.writing.ahead import Ahead
from vocabx.checkpoint.writing.recoding import Recoding
from vocabx.checkpoint.writing.storage import Storage
from vocabx.core.alignment import Alignment
from vocabx.core.errors import OutputError
from vocabx.core.initialization import Initialization
from vocabx.core.places import current_directory
from vocabx.core.plan import Plan
from vocabx.core.say import Say, say_nothing
from vocabx.core.tokens import TokenTable
from vocabx.factorization import MODEL, Factorized
from vocabx.factorization.recoded import write_model_code
from vocabx.manifest import FILE_NAME, Manifest, save_alignments
from vocabx.stages import Stages
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.sentencepiece_file import write_sentencepiece_file
from vocabx.tokenizer_tools.write import TokenizerStyle, check_reopened, write_tokenizer

__all__ = [
    "AS_STORED",
    "Decision",
    "base_name",
    "check_place",
    "output_directory",
    "plan_storage",
    "token_texts",
    "write_model",
    "write_sentencepiece",
]

MOST_PROBES = 1000
AS_STORED = Storage()


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
    say: Say = say_nothing,
    *,
    protect: Sequence[Path] = (),
    keeps_rows: bool = False,
    hub: HubOptions = HubOptions(),  # noqa: B008  frozen
) -> Iterator[tuple[Path, Ahead]]:
    """Yield the base's directory, and what copies weights into a staged one that becomes `out`.

    Nothing is taken away but an earlier output. `say` hears what a run that was cut off has left.
    Of a hub id that directory has the settings and the tokenizer; who needs weights resolves it once more.
    `in_use` names files that `out` must not hold, and `protect` directories that it must not overlap. `keeps_rows` says
    that old rows will stay where they are.
    """
    check_place(out, in_use)
    directory = resolve_model(model, weights=False, hub=hub)
    protected = [directory, *protect]
    with (
        open_staging(out, force, protected, check_replaced=lambda: _check_replaced(out), say=say) as staging,
        Ahead(staging.directory, staging.journal, keeps_rows=keeps_rows) as ahead,
    ):
        yield directory, ahead


def check_place(out: Path, in_use: Iterable[Path]) -> None:
    """Raise `OutputError` where replacing `out` would take away a text that is read, or the current directory."""
    current = current_directory()  # first, for other paths may be relative to it
    place = out.resolve()
    for needed in (current, *in_use):
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
    if Path(model).exists():
        place = Path(model).resolve()
        return origin.repository if (origin := hub_origin(place)) else place.name
    named = split_hub_id(str(model))
    return named[0] if named else str(model)


def plan_storage(checkpoint: Checkpoint, storage: Storage, stages: Stages, ahead: Ahead | None) -> None:
    """Say how weights will be stored, and begin to copy `ahead`; raise `VocabxError` where they cannot be stored so."""
    if shared := check_storage(checkpoint, storage, ahead.out if ahead else None):
        stages.notes["files that stay"] = shared
    if storage.dtype:
        stages.notes["cast to"] = storage.dtype
    if ahead:
        ahead.start(checkpoint, storage)


def write_model(
    decision: Decision,
    checkpoint: Checkpoint,
    out: Path,
    stages: Stages,
    style: TokenizerStyle | None = None,
    factorized: Factorized | None = None,
    storage: Storage = AS_STORED,
    ahead: Ahead | None = None,
) -> None:
    """Write model, tokenizer and manifest into an existing directory, and open it as its users will.

    Of a `factorized` model every row, old and new, is written as its factors or as their product. `storage` says how
    files that do not change come there, and what type the weights are cast to.
    Weight files that were copied `ahead`, or that its journal knows to be finished, are not written again.
    """
    recoding = factorized.recoding if factorized else Recoding()
    with stages("checkpoint"):
        carry_files(checkpoint.directory, out)
        write_tokenizer(decision.segmenter, checkpoint.directory, out, style)
        rows = save_alignments(decision.initialization, out)
        manifest = replace(decision.manifest.with_rows(rows), factorization=factorized.record if factorized else {})
        manifest = manifest.from_hub(hub_origin(checkpoint.directory))
        replace(manifest, dtype=storage.dtype).save(out)
        if factorized and factorized.factorization.form == MODEL:
            write_model_code(out)
        write_checkpoint(
            checkpoint,
            decision.plan,
            decision.initialization,
            out,
            padding=decision.padding,
            recoding=recoding,
            storage=storage,
            progress=stages.counter(bytes_to_write(checkpoint, decision.plan, recoding, storage)),
            journal=ahead.journal if ahead else None,
            ahead=ahead,
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
