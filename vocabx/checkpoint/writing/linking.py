"""Share files between two directories instead of copying them."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from vocabx.checkpoint.writing.storage import HARDLINK
from vocabx.core.errors import OutputError

__all__ = ["check_links", "link_file"]

CLONE_A_FILE = 0x40049409  # Linux's FICLONE
TRIAL = ".vocabx-trial"
VERBS = {HARDLINK: "hard-linked"}
REASONS = {
    errno.EXDEV: "they lie on different file systems",
    errno.EOPNOTSUPP: "the file system cannot do it",
    errno.ENOTTY: "the file system cannot do it",
    errno.EINVAL: "the file system cannot do it",
    errno.ENOSYS: "the system cannot do it",
    errno.EPERM: "the file system cannot do it, or the file is not yours",
    errno.EACCES: "the file is not yours to link",
    errno.EMLINK: "the file has too many links already",
}


def link_file(path: Path, target: Path, shards: str) -> None:
    """Hard-link or clone a file; of a symbolic link, as in the hub's cache, the file that it leads to."""
    if shards == HARDLINK:
        os.link(path.resolve(), target)
        return
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    from fcntl import ioctl

    with path.open("rb") as source, target.open("xb") as sink:
        ioctl(sink.fileno(), CLONE_A_FILE, source.fileno())


def check_links(paths: Iterable[Path], directory: Path, shards: str) -> None:
    """Raise `OutputError` unless each of some files can be shared with a directory; nothing is left in it."""
    for path in paths:
        trial = directory / TRIAL
        try:
            link_file(path, trial, shards)
        except OSError as error:
            reason = REASONS.get(error.errno or 0, os.strerror(error.errno or 0))
            raise OutputError(
                f"{path} cannot be {VERBS.get(shards, 'cloned')} to the output: {reason}. Choose another place for the "
                'output, or --shards copy (shards="copy").'
            ) from error
        finally:
            trial.unlink(missing_ok=True)
