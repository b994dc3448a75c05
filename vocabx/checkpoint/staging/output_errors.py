"""What the system says when it does not write, as one sentence."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vocabx.core.errors import OutputError

__all__ = ["output_errors"]

ADVICE = {
    errno.ENOSPC: "The disk is full: free some space or choose another disk.",
    errno.EDQUOT: "Your disk quota is used up: free some space or choose another disk.",
    errno.EFBIG: "A file would be larger than the system allows: raise the limit (ulimit -f) or choose another disk.",
    errno.ENOENT: "The place cannot hold a directory: choose another one.",
    errno.EACCES: "You may not write there: choose another place or change its permissions.",
    errno.EPERM: "You may not write there: choose another place or change its permissions.",
    errno.EROFS: "The disk is mounted read-only: choose another place.",
    errno.EEXIST: "A part of the path is a file: choose another place.",
    errno.ENOTDIR: "A part of the path is a file: choose another place.",
    errno.ENAMETOOLONG: "The name is too long: choose a shorter one.",
    errno.EIO: "The disk reports an error: choose another one.",
    errno.EBUSY: "A disk is mounted there, or it is in use otherwise: choose a place inside of it.",
    errno.EXDEV: "What is there cannot be moved: remove it first, or choose another place.",
}


@contextmanager
def output_errors(target: Path) -> Iterator[None]:
    """Turn refusals to write `target`, beside it or above it into `OutputError`; all others are left alone."""
    try:
        yield
    except OSError as error:
        named = Path(os.path.abspath(error.filename)) if isinstance(error.filename, str) else target
        is_ours = target.parent in (named, *named.parents) or named in target.parents
        if error.errno not in ADVICE or not is_ours:
            raise
        raise OutputError(f"{target} cannot be written. {ADVICE[error.errno]}") from error
