"""Stamps: what tells a tokenizer and the files of a corpus from others."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vocabx.core.checksum import checksum
from vocabx.core.errors import CorpusError
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.training.sequences.encoded import Framing

__all__ = ["FileStamp", "differs", "stamp_files", "tokenizer_stamp"]


@dataclass(frozen=True, slots=True)
class FileStamp:
    """A file of a corpus: its name, its bytes, when it was changed (in nanoseconds), and the SHA-256 of its bytes."""

    name: str
    bytes: int
    modified: int
    checksum: str

    def as_json(self) -> dict[str, Any]:
        """Return what `FileStamp(**...)` takes."""
        return asdict(self)

    def fits(self, file: Path) -> bool:
        """Whether a file is the one that was stamped; it is read only if it has another time."""
        status = file.stat()
        if (file.name, status.st_size) != (self.name, self.bytes):
            return False
        return status.st_mtime_ns == self.modified or checksum(file) == self.checksum


def stamp_files(files: Sequence[Path]) -> list[FileStamp]:
    """Stamp the files of a corpus, in their order; raise `CorpusError` where one cannot be read."""
    stamps = []
    for file in files:
        try:
            status = file.stat()
            stamps.append(FileStamp(file.name, status.st_size, status.st_mtime_ns, checksum(file)))
        except OSError as error:
            raise CorpusError(f"{file} cannot be read: {error.strerror or error}.") from error
    return stamps


def differs(stamps: Sequence[FileStamp], files: Sequence[Path]) -> bool:
    """Whether the files are not those that were stamped, in the same order."""
    return len(stamps) != len(files) or not all(stamp.fits(file) for stamp, file in zip(stamps, files, strict=True))


def tokenizer_stamp(segmenter: FastSegmenter, framing: Framing) -> str:
    """Return the SHA-256 of a tokenizer's pipeline and of what is put around documents."""
    pipeline = segmenter.backend.to_str()
    return hashlib.sha256(f"{framing.before} {framing.behind}\n{pipeline}".encode()).hexdigest()
