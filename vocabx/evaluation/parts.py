"""Parts of a long evaluation, kept beside its result until that is written, so that a rerun goes on from there."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from vocabx.core.errors import OutputError

__all__ = ["NOT_KEPT", "Part", "Parts"]

NAME_LENGTH = 32


@dataclass(frozen=True)
class Part:
    """What was measured, the seconds that it took, and whether that was in an earlier run."""

    content: dict[str, Any]
    seconds: float
    was_kept: bool


@dataclass(frozen=True)
class Parts:
    """A hidden folder of parts, one JSON file each; without a folder nothing is kept."""

    folder: Path | None = None

    @classmethod
    def beside(cls, out: Path | None) -> Self:
        """Keep parts in a hidden folder beside the file that the result goes into."""
        return cls(None if out is None else out.with_name(f".{out.name}.parts"))

    @property
    def are_kept(self) -> bool:
        """Whether there is a folder."""
        return self.folder is not None

    def recall(self, mark: str, work: Callable[[], dict[str, Any]]) -> Part:
        """Return what was kept under a fingerprint, or do the work and keep it; one that is damaged is done again."""
        if self.folder is None:
            return _timed(work)
        file = self.folder / f"{mark[:NAME_LENGTH]}.json"
        try:
            content = json.loads(file.read_text("utf-8"))
            if content.pop("fingerprint") == mark:
                return Part(content, float(content.pop("seconds")), was_kept=True)
        except (OSError, AttributeError, KeyError, TypeError, ValueError):
            pass
        part = _timed(work)
        self._write(file, {"fingerprint": mark, "seconds": part.seconds, **part.content})
        return part

    def clear(self) -> None:
        """Remove the folder, once the result is written."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, file: Path, content: dict[str, Any]) -> None:
        staged = file.with_name(f".{file.name}.{os.getpid()}.incomplete")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            staged.write_text(json.dumps(content), "utf-8")
            staged.replace(file)
        except OSError as error:
            raise OutputError(f"{file} cannot be written: {error.strerror or error}. Choose another --out.") from error


def _timed(work: Callable[[], dict[str, Any]]) -> Part:
    begin = time.perf_counter()
    content = work()
    return Part(content, time.perf_counter() - begin, was_kept=False)


NOT_KEPT = Parts()
