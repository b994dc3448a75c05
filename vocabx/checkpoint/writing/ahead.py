"""Copy what stays as it is while it is still being decided what becomes of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Self

from vocabx.checkpoint.read import Checkpoint
from vocabx.checkpoint.safetensors_file import SafetensorsFile
from vocabx.checkpoint.staging.atomic import synchronize
from vocabx.checkpoint.staging.journal import Journal
from vocabx.checkpoint.writing.background import Background
from vocabx.checkpoint.writing.changes import unchanged_files
from vocabx.checkpoint.writing.storage import COPY, Storage
from vocabx.checkpoint.writing.weight_file import carry_whole

__all__ = ["Ahead"]


class Ahead:
    """One thread that copies weight files without rows of tokens into the staged directory `out`.

    It is given up where the block fails. `journal` is that of the staged directory.
    """

    def __init__(self, out: Path, journal: Journal) -> None:
        self.out, self.journal = out, journal
        self._background = Background(lambda count: None)
        self._copies: dict[str, Future[int]] = {}

    def start(self, checkpoint: Checkpoint, storage: Storage) -> None:
        """Begin to copy, but for what an earlier run has finished; links take no time and are made later."""
        for name in unchanged_files(checkpoint, storage) if storage.shards == COPY else ():
            if name not in self.journal.names:
                self._copies[name] = self._background.run(_copied(checkpoint.files[name], self.out / name))

    def steps(self, name: str) -> Iterator[int] | None:
        """Wait for a file and yield its bytes of tensors; None where it was not begun."""
        copy = self._copies.get(name)
        return None if copy is None else _result(copy)

    def __enter__(self) -> Self:
        self._background.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._background.__exit__(kind, error, trace)


def _copied(file: SafetensorsFile, target: Path) -> Iterator[int]:
    yield from carry_whole(file, target, COPY)
    synchronize(target)


def _result(copy: Future[int]) -> Iterator[int]:
    yield copy.result()
