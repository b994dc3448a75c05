"""Write one weight file: bytes that stay are copied or linked, and what changes is written in its place."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from vocabx.checkpoint.safetensors_file import SafetensorsFile, TensorEntry, encode_header
from vocabx.checkpoint.writing.arrangement import arrange, copy_entries
from vocabx.checkpoint.writing.background import Background
from vocabx.checkpoint.writing.casting import cast_in_steps
from vocabx.checkpoint.writing.changes import Changes
from vocabx.checkpoint.writing.copying import copy_bytes, copy_once, write_bytes
from vocabx.checkpoint.writing.linking import link_file
from vocabx.checkpoint.writing.resize import Resize
from vocabx.checkpoint.writing.storage import COPY

__all__ = ["carry_whole", "write_weight_file"]


def carry_whole(file: SafetensorsFile, target: Path, shards: str) -> Iterator[int]:
    """Copy or link a file that stays as it is, and yield the bytes of tensors that are done."""
    header = file.size - sum(entry.size for entry in file.entries.values())
    if shards != COPY:
        link_file(file.path, target, shards)
        yield file.size - header
        return
    with target.open("xb", buffering=0) as sink, file.path.open("rb", buffering=0) as source:
        copy_bytes(source.fileno(), sink.fileno(), 0, header, lambda count: None)
        yield from copy_once(source.fileno(), sink.fileno(), header, file.size)


def write_weight_file(
    file: SafetensorsFile, changes: Changes, target: Path, background: Background, begun: int | None = None
) -> None:
    """Write a file of which some tensors change; rows that are not copied are written by the background.

    `begun` is how many bytes of tensors were copied to their places ahead, if the file is there already: those that
    stay, and perhaps the rows of the first tensor that changes.
    """
    arrangement, added = arrange(file, changes.concern), changes.added(file)
    placed = _entries_after(file, arrangement.in_order, changes, added)
    header = encode_header(placed, file.metadata, arrangement.begin)
    if len(header) != arrangement.begin:  # it did not fit, so nothing is at its place
        target.unlink(missing_ok=True)
        begun = None
    with target.open("r+b" if begun is not None else "xb", buffering=0) as sink_file:
        sink = sink_file.fileno()
        write_bytes(sink, header)
        with file.path.open("rb", buffering=0) as source_file:
            source = source_file.fileno()
            if begun is None:
                for count in copy_entries(arrangement.stays, source, sink):
                    background.report(count)
            else:
                background.report(arrangement.size_of_stays)
                os.lseek(sink, arrangement.size_of_stays, os.SEEK_CUR)
            there = (begun or 0) - arrangement.size_of_stays
            for entry in arrangement.changes:
                if entry.name in changes.resizes:
                    _write_rows(changes.resizes[entry.name], target, sink, background, max(there, 0) // entry.row_size)
                else:
                    _cast(entry.name, entry, changes.entry_after(entry).dtype, source, sink, background)
                there = 0
            for count in copy_entries(arrangement.tail, source, sink):
                background.report(count)
        for _, stored in added:
            write_bytes(sink, stored.reshape(-1).view(np.uint8).data)
            background.report(stored.nbytes)
        os.ftruncate(sink, os.lseek(sink, 0, os.SEEK_CUR))


def _entries_after(
    file: SafetensorsFile,
    in_order: Sequence[TensorEntry],
    changes: Changes,
    added: Sequence[tuple[TensorEntry, object]],
) -> list[TensorEntry]:
    """Place what is written end to end, in the order of the bytes; the header keeps its own order."""
    placed: dict[str, TensorEntry] = {}
    begin = 0
    for entry in in_order:
        placed[entry.name] = changes.entry_after(entry, begin)
        begin = placed[entry.name].end
    entries = [placed[name] for name in file.entries]
    for entry, _ in added:
        entries.append(replace(entry, begin=begin, end=begin + entry.size))
        begin += entry.size
    return entries


def _cast(name: str, entry: TensorEntry, dtype: str, source: int, sink: int, background: Background) -> None:
    """Cast the bytes of an entry, and leave the sink behind them."""
    place = os.lseek(sink, 0, os.SEEK_CUR)
    for count in cast_in_steps(name, source, sink, entry.begin, entry.end, place, entry.dtype, dtype):
        place += count
        background.report(count)
    os.lseek(sink, place, os.SEEK_SET)


def _write_rows(resize: Resize, target: Path, sink: int, background: Background, there: int) -> None:
    """Write the rows of a tensor, of which the first are `there`, and leave the sink behind them."""
    # The long runs go first: reading them in order leaves them in memory, and new rows are made from them at random.
    begin, entry = os.lseek(sink, 0, os.SEEK_CUR), resize.source.entry
    with resize.source.path.open("rb", buffering=0) as source:
        for run in resize.long_runs:
            if run.first == run.origin and run.first + run.size <= there:
                background.report(run.size * resize.row_size)
                continue
            os.lseek(sink, begin + run.first * resize.row_size, os.SEEK_SET)
            start = entry.begin + run.origin * entry.row_size
            kept = replace(entry, begin=start, end=start + run.size * entry.row_size)
            if resize.is_cast:
                _cast(resize.name, kept, resize.stored_type, source.fileno(), sink, background)
            else:
                copy_bytes(source.fileno(), sink, kept.begin, kept.end, background.report)
    background.run(_write_other_rows(resize, target, begin))
    os.lseek(sink, begin + resize.size, os.SEEK_SET)


def _write_other_rows(resize: Resize, target: Path, begin: int) -> Iterator[int]:
    with target.open("r+b", buffering=0) as sink:
        for first, block in resize.other_rows():
            sink.seek(begin + first * resize.row_size)
            write_bytes(sink.fileno(), block.reshape(-1).view(np.uint8).data)
            yield block.nbytes
