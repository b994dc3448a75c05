"""The checksum by which files are known."""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["checksum"]


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
