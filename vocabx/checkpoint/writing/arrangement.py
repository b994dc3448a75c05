"""Arrangement of a changed weight file: what stays comes first, so that it can be copied before the rest is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from vocabx.checkpoint.safetensors_file import SafetensorsFile, TensorEntry
from vocabx.checkpoint.writing.copying import copy_once

__all__ = ["Arrangement", "arrange", "copy_entries"]

ROOM = 64
"""Bytes that a header may grow by. As many as a processor reads at a time, so that what stays is aligned as it was."""

LONGEST_NUMBER = 8
"""Bytes of the longest number that a file holds."""


@dataclass(frozen=True)
class Arrangement:
    """Where the bytes of a file go: behind `begin` bytes of header what stays, what changes, and a tail that stays.

    In the tail is what would leave the numbers behind it between two places of a number.
    """

    begin: int
    stays: tuple[TensorEntry, ...]
    changes: tuple[TensorEntry, ...]
    tail: tuple[TensorEntry, ...]

    @property
    def in_order(self) -> tuple[TensorEntry, ...]:
        """All of them."""
        return (*self.stays, *self.changes, *self.tail)

    @property
    def size_of_stays(self) -> int:
        """Bytes of what comes first."""
        return sum(entry.size for entry in self.stays)


def arrange(file: SafetensorsFile, is_changed: Callable[[TensorEntry], bool]) -> Arrangement:
    """Return the arrangement of a file some of whose tensors change; each part keeps the order it had."""
    entries = sorted(file.entries.values(), key=lambda entry: (entry.begin, entry.end))
    staying = [entry for entry in entries if not is_changed(entry)]
    return Arrangement(
        begin=file.size - sum(entry.size for entry in entries) + ROOM,
        stays=tuple(entry for entry in staying if entry.size % LONGEST_NUMBER == 0),
        changes=tuple(entry for entry in entries if is_changed(entry)),
        tail=tuple(entry for entry in staying if entry.size % LONGEST_NUMBER),
    )


def copy_entries(entries: Sequence[TensorEntry], source: int, sink: int) -> Iterator[int]:
    """Copy entries to where an open file is, neighbours together, and yield the bytes of each step."""
    begin = end = 0
    for entry in entries:
        if entry.begin != end:
            yield from copy_once(source, sink, begin, end)
            begin = entry.begin
        end = entry.end
    yield from copy_once(source, sink, begin, end)
