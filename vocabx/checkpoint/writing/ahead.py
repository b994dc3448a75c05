"""Copy what stays as it is while it is still being decided what becomes of the rest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, wait
from functools import partial
from pathlib import Path

from vocabx.checkpoint.read import Checkpoint
from vocabx.checkpoint.safetensors_file import SafetensorsFile
from vocabx.checkpoint.staging.atomic import synchronize
from vocabx.checkpoint.staging.journal import Journal
from vocabx.checkpoint.writing.arrangement import arrange, copy_entries
from vocabx.checkpoint.writing.background import Background
from vocabx.checkpoint.writing.changes import is_changed, unchanged_files
from vocabx.checkpoint.writing.copying import copy_in_steps
from vocabx.checkpoint.writing.storage import COPY, Storage
from vocabx.checkpoint.writing.together import FILES_AT_ONCE
from vocabx.checkpoint.writing.weight_file import carry_whole

__all__ = ["Ahead"]

SECONDS_BETWEEN_LOOKS = 0.05


class Ahead(Background):
    """Threads that copy what stays into the staged directory `out`; they are given up where the block fails.

    `journal` is that of the staged directory. With `keeps_rows`, old rows are copied too, to where an extension of the
    vocabulary has them.
    """

    def __init__(self, out: Path, journal: Journal, *, keeps_rows: bool = False) -> None:
        super().__init__(lambda count: None, FILES_AT_ONCE)
        self.out, self.journal = out, journal
        self._keeps_rows = keeps_rows
        self._copies: dict[str, Future[int]] = {}

    def start(self, checkpoint: Checkpoint, storage: Storage) -> None:
        """Begin to copy, but for what an earlier run has finished; links take no time and are made later."""
        whole = unchanged_files(checkpoint, storage)
        for name in sorted(checkpoint.files.keys() - set(whole) - self.journal.names):
            self._copies[name] = self.run(self._begun(checkpoint, storage, name))
        for name in whole if storage.shards == COPY else ():
            if name not in self.journal.names:
                self._copies[name] = self.run(_copied(checkpoint.files[name], self.out / name))

    def steps(self, name: str) -> Iterator[int] | None:
        """Wait for a file, with steps of no bytes, and yield its bytes of tensors; None where it was not begun."""
        copy = self._copies.get(name)
        return None if copy is None else _waiting(copy)

    def _begun(self, checkpoint: Checkpoint, storage: Storage, name: str) -> Iterator[int]:
        """Copy what stays of a file, and the rows of the first tensor that gets other ones."""
        file, target = checkpoint.files[name], self.out / name
        arrangement = arrange(file, partial(is_changed, checkpoint, storage))
        with target.open("xb", buffering=0) as sink, file.path.open("rb", buffering=0) as source:
            os.lseek(sink.fileno(), arrangement.begin, os.SEEK_SET)
            yield from copy_entries(arrangement.stays, source.fileno(), sink.fileno())
            first = arrangement.changes[0]
            if self._keeps_rows and not storage.is_cast(first):
                yield from copy_in_steps(source.fileno(), sink.fileno(), first.begin, first.end)
        synchronize(target)


def _copied(file: SafetensorsFile, target: Path) -> Iterator[int]:
    yield from carry_whole(file, target, COPY)
    synchronize(target)


def _waiting(copy: Future[int]) -> Iterator[int]:
    while wait([copy], SECONDS_BETWEEN_LOOKS).not_done:
        yield 0
    yield copy.result()
