"""Note weight files as finished while others are written, and leave out those that an earlier run has finished."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vocabx.checkpoint.safetensors_file import read_header
from vocabx.checkpoint.staging.journal import Journal
from vocabx.checkpoint.writing.background import Background

__all__ = ["Finishing"]


class Finishing(Background):
    """One thread that waits for the disk to hold what is written; without a journal it does nothing."""

    def __init__(self, out: Path, journal: Journal | None) -> None:
        super().__init__(lambda count: None)
        self._out, self._journal = out, journal

    def taken_over(self, name: str) -> int | None:
        """Return the bytes of tensors in a file that an earlier run has finished; None where it is to be written."""
        if self._journal is None or not self._journal.claim(self._out / name):
            return None
        return sum(entry.size for entry in read_header(self._out / name).entries.values())

    def steps(self, name: str) -> Iterator[int]:
        """Note a file: the last task of those that write it, and not done where they were given up."""
        yield 0
        if self._journal is not None:
            self.run(self._note(self._journal, self._out / name))

    def _note(self, journal: Journal, path: Path) -> Iterator[int]:
        yield 0
        journal.finish(path)
