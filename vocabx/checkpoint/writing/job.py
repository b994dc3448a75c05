"""Job: a name for all that decides the bytes of the weight files, equal exactly where they would be equal."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Protocol

import numpy as np

from vocabx.checkpoint.read import Checkpoint

__all__ = ["job_name"]


class Digest(Protocol):
    """Takes bytes in."""

    def update(self, data: Any, /) -> None:
        """Go on with these."""


def job_name(checkpoint: Checkpoint, *decisions: object) -> str | None:
    """Return the checksum of a base's files and of what was decided about it; None where a decision has no bytes.

    Of the base it takes each weight file's place, inode, size, time and header, and not its tensors. Decisions are
    taken by their content, arrays too.
    """
    from vocabx import __version__  # not at the top: the package names all of its parts

    digest = hashlib.sha256(f"vocabx {__version__}\n".encode())
    for name, file in sorted(checkpoint.files.items()):
        status = file.path.stat()
        header = [file.metadata, *file.entries.values()]
        place = (name, str(file.path.resolve()), status.st_ino, status.st_size, status.st_mtime_ns, header)
        digest.update(repr(place).encode())
    try:
        _Pickler(digest).dump((checkpoint.config, decisions))
    except (AttributeError, TypeError, pickle.PicklingError, RecursionError):
        return None
    return digest.hexdigest()


class _Pickler(pickle.Pickler):
    """Spells a value into a digest; nothing is ever read back."""

    def __init__(self, digest: Digest) -> None:
        self._digest = digest
        super().__init__(_Sink(digest), protocol=5)

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            # Not by its own reduction: that copies mapped files, and cannot spell bfloat16.
            self._digest.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)
            return str, (f"{value.dtype} {value.shape}",)
        if isinstance(value, Mapping):
            return list, (list(value.items()),)
        if is_dataclass(value) and not isinstance(value, type):
            # Not by its state, which holds what it has computed so far.
            return type(value), tuple(getattr(value, field.name) for field in fields(value))
        return NotImplemented


class _Sink(io.RawIOBase):
    def __init__(self, digest: Digest) -> None:
        self._digest = digest

    def write(self, data: Any) -> int:
        self._digest.update(data)
        return len(data)
