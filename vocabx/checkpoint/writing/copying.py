"""Copy bytes from file to file inside the kernel where it can, and write bytes whole."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator

from vocabx.core.errors import CheckpointError

__all__ = ["Progress", "copy_bytes", "copy_in_steps", "copy_once", "write_bytes", "write_bytes_at"]

Progress = Callable[[int], None]
"""Told how many bytes were written since the last call."""

Step = Callable[[int, int, int, int], int]

BYTES_PER_STEP = 64 * 2**20
BYTES_PER_READ = 2**20
NOT_HERE = (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSOCK)
"""What a kernel answers where two files cannot be copied without passing through the process."""


def _copy_file_range(source: int, sink: int, offset: int, count: int) -> int:
    return os.copy_file_range(source, sink, count, offset)


def _sendfile(source: int, sink: int, offset: int, count: int) -> int:
    return os.sendfile(sink, source, offset, count)


def _read_and_write(source: int, sink: int, offset: int, count: int) -> int:
    data = os.pread(source, min(count, BYTES_PER_READ), offset)
    write_bytes(sink, data)
    return len(data)


def _steps() -> Iterator[Step]:
    if hasattr(os, "copy_file_range"):
        yield _copy_file_range
    if hasattr(os, "sendfile"):
        yield _sendfile
    yield _read_and_write


def copy_bytes(source: int, sink: int, begin: int, end: int, progress: Progress) -> None:
    """Append bytes `begin` to `end` of one open file to another, by the fastest way that works between the two."""
    for count in copy_in_steps(source, sink, begin, end):
        progress(count)


def copy_in_steps(source: int, sink: int, begin: int, end: int) -> Iterator[int]:
    """Do the same, and yield the bytes of each step."""
    for step in _steps():
        for count in _repeat(step, source, sink, begin, end):
            begin += count
            yield count
        if begin == end:
            return
    raise CheckpointError("A weight file became shorter while it was copied. Nothing else may write to the model.")


def copy_once(source: int, sink: int, begin: int, end: int) -> Iterator[int]:
    """Do the same with bytes that are not needed again: the system need not keep them in memory.

    It would keep a large model twice, what is read and what is written, and to find that room takes time.
    """
    for count in copy_in_steps(source, sink, begin, end):
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(source, begin, count, os.POSIX_FADV_DONTNEED)
        begin += count
        yield count


def _repeat(step: Step, source: int, sink: int, begin: int, end: int) -> Iterator[int]:
    while begin < end:
        try:
            count = step(source, sink, begin, min(end - begin, BYTES_PER_STEP))
        except OSError as error:
            if error.errno not in NOT_HERE:
                raise
            return
        if count == 0:
            return
        begin += count
        yield count


def write_bytes(sink: int, data: bytes | memoryview) -> None:
    """Append all bytes (items of one byte) to an open file."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(sink, rest) :]


def write_bytes_at(sink: int, data: bytes | memoryview, offset: int) -> None:
    """Write all bytes (items of one byte) to a place in an open file, whatever other threads write elsewhere."""
    rest = memoryview(data)
    while rest:
        count = os.pwrite(sink, rest, offset)
        rest, offset = rest[count:], offset + count
