"""Write the model files of a resized checkpoint, copying every byte that stays."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vocabx.checkpoint.atomic import synchronize
from vocabx.checkpoint.background import Background
from vocabx.checkpoint.config import read_generation_config, resized_config, resized_generation_config, spell_like
from vocabx.checkpoint.copying import Progress, copy_bytes, copy_in_steps, write_bytes
from vocabx.checkpoint.read import CONFIG, GENERATION_CONFIG, INDEX, Checkpoint
from vocabx.checkpoint.recoding import Decoder, Recoding
from vocabx.checkpoint.resize import Resize, check_plan, plan_resizes
from vocabx.checkpoint.safetensors_file import SafetensorsFile, TensorEntry, encode_header, map_tensor
from vocabx.core.arrays import Matrix
from vocabx.core.errors import CheckpointError
from vocabx.core.initialization import Initialization, RowRule
from vocabx.core.plan import Plan

__all__ = ["bytes_to_write", "write_checkpoint"]

Resizes = Mapping[str, Resize]
NOTHING_RECODED = Recoding()


def write_checkpoint(
    checkpoint: Checkpoint,
    plan: Plan,
    initialization: Initialization,
    out: Path,
    *,
    padding: RowRule | None = None,
    recoding: Recoding = NOTHING_RECODED,
    progress: Progress | None = None,
) -> None:
    """Write weights, index, config.json and generation_config.json of the resized model into a directory.

    Rows that the plan keeps are copied byte for byte. New rows are made from the base's rows of the same matrix (a head
    from head rows, a bias from bias entries) and stored in its type. Every padding row is the single row of `padding`.
    With a `recoding`, all rows of a matrix go through its map, kept ones too, and its new tensors are written as well.

    `out` must exist and should come from `staged_directory`. config.json is written last: without it, nothing loads.
    `progress` is told the number of bytes written since its last call; `bytes_to_write` gives their sum.
    """
    check_plan(checkpoint, plan, padding)
    resizes = plan_resizes(checkpoint, plan, initialization, padding, recoding.maps)
    with Background(progress or (lambda count: None)) as background:
        # One core copies at half the speed of two, so whole files are copied beside those that get new rows.
        touched = {name for name, file in checkpoint.files.items() if not resizes.keys().isdisjoint(file.entries)}
        for name in sorted(checkpoint.files.keys() - touched):
            background.run(_copy_whole(checkpoint.files[name], out / name))
        for name in sorted(touched):
            file = checkpoint.files[name]
            decoders = {key: new for key, new in recoding.decoders.items() if new.beside in file.entries}
            _write_weights(file, resizes, decoders, out / name, background)
    _write_index(checkpoint, resizes, recoding.decoders, out)
    _write_generation_config(checkpoint, plan, out)
    synchronize(out)
    config = {**resized_config(checkpoint.config, plan), **recoding.settings}
    _write_json(config, checkpoint.directory / CONFIG, out / CONFIG)
    synchronize(out / CONFIG)


def bytes_to_write(checkpoint: Checkpoint, plan: Plan, recoding: Recoding = NOTHING_RECODED) -> int:
    """Return how many bytes of tensors `write_checkpoint` reports to `progress`."""
    tensors = {name: tensor.entry for name, tensor in checkpoint.tensors.items()}
    widths = {name: tensors[name].row_size for name in checkpoint.resized}
    for name, row_map in recoding.maps.items():
        widths[name] = row_map.columns * checkpoint.matrix(name).itemsize
    new = sum(
        decoder.matrix.size * checkpoint.matrix(decoder.beside).itemsize for decoder in recoding.decoders.values()
    )
    others = sum(entry.size for name, entry in tensors.items() if name not in widths)
    return plan.rows_after * sum(widths.values()) + others + new


def _write_weights(
    file: SafetensorsFile, resizes: Resizes, decoders: Mapping[str, Decoder], target: Path, background: Background
) -> None:
    with target.open("xb", buffering=0) as sink_file, file.path.open("rb", buffering=0) as source_file:
        sink, source = sink_file.fileno(), source_file.fileno()
        in_order = sorted(file.entries.values(), key=lambda entry: (entry.begin, entry.end))
        begin = in_order[0].begin
        entries = _resized_entries(file, in_order, resizes)
        added = [_added(file, name, decoder) for name, decoder in decoders.items()]
        write_bytes(sink, encode_header(_with_added(entries, added), file.metadata))
        for entry in in_order:
            if entry.name in resizes:
                copy_bytes(source, sink, begin, entry.begin, background.report)
                _write_tensor(resizes[entry.name], target, sink, background)
                begin = entry.end
        copy_bytes(source, sink, begin, file.size, background.report)
        for _, stored in added:
            write_bytes(sink, stored.reshape(-1).view(np.uint8).data)
            background.report(stored.nbytes)


def _copy_whole(file: SafetensorsFile, target: Path) -> Iterator[int]:
    header = file.size - sum(entry.size for entry in file.entries.values())
    with target.open("xb", buffering=0) as sink, file.path.open("rb", buffering=0) as source:
        copy_bytes(source.fileno(), sink.fileno(), 0, header, lambda count: None)
        yield from copy_in_steps(source.fileno(), sink.fileno(), header, file.size)


def _resized_entries(file: SafetensorsFile, in_order: list[TensorEntry], resizes: Resizes) -> list[TensorEntry]:
    moved: dict[str, TensorEntry] = {}
    begin = 0
    for entry in in_order:
        kept = replace(entry, begin=begin, end=begin + entry.size)
        moved[entry.name] = resizes[entry.name].entry_at(begin) if entry.name in resizes else kept
        begin = moved[entry.name].end
    return [moved[name] for name in file.entries]


def _added(file: SafetensorsFile, name: str, decoder: Decoder) -> tuple[TensorEntry, Matrix]:
    """Return a new tensor as it is stored, and its entry, which begins at 0."""
    beside = file.entries[decoder.beside]
    with np.errstate(over="ignore"):
        stored = np.ascontiguousarray(decoder.matrix, map_tensor(file.path, beside).dtype)
    if not np.isfinite(stored).all():
        raise CheckpointError(f"{name} is not finite when stored as {beside.dtype}. Use a base in a wider type.")
    return replace(beside, name=name, shape=stored.shape, begin=0, end=stored.nbytes), stored


def _with_added(entries: list[TensorEntry], added: list[tuple[TensorEntry, Matrix]]) -> list[TensorEntry]:
    end = max(entry.end for entry in entries)
    for entry, _ in added:
        entries = [*entries, replace(entry, begin=end, end=end + entry.size)]
        end += entry.size
    return entries


def _write_tensor(resize: Resize, target: Path, sink: int, background: Background) -> None:
    # The long runs go first: reading them in order leaves them in memory, and new rows are made from them at random.
    begin, width = os.lseek(sink, 0, os.SEEK_CUR), resize.source.entry.row_size
    with resize.source.path.open("rb", buffering=0) as source:
        for run in resize.long_runs:
            os.lseek(sink, begin + run.first * width, os.SEEK_SET)
            start = resize.source.entry.begin + run.origin * width
            copy_bytes(source.fileno(), sink, start, start + run.size * width, background.report)
    background.run(_write_other_rows(resize, target, begin))
    os.lseek(sink, begin + resize.size, os.SEEK_SET)


def _write_other_rows(resize: Resize, target: Path, begin: int) -> Iterator[int]:
    with target.open("r+b", buffering=0) as sink:
        for first, block in resize.other_rows():
            sink.seek(begin + first * resize.row_size)
            write_bytes(sink.fileno(), block.reshape(-1).view(np.uint8).data)
            yield block.nbytes


def _write_index(checkpoint: Checkpoint, resizes: Resizes, decoders: Mapping[str, Decoder], out: Path) -> None:
    if checkpoint.index is None:
        return
    metadata = checkpoint.index.get("metadata")
    grown = dict(metadata) if isinstance(metadata, dict) else {}
    for name, resize in resizes.items():
        before, after = checkpoint.tensors[name].entry, resize.entry_at(0)
        _grow(grown, "total_size", after.size - before.size)
        # A head that duplicates the input is one parameter with it.
        if not (checkpoint.tied and name == checkpoint.head):
            _grow(grown, "total_parameters", math.prod(after.shape) - math.prod(before.shape))
    weight_map = dict(checkpoint.index["weight_map"])
    for name, decoder in decoders.items():
        weight_map[name] = weight_map[decoder.beside]
        _grow(grown, "total_size", decoder.matrix.size * checkpoint.matrix(decoder.beside).itemsize)
        _grow(grown, "total_parameters", decoder.matrix.size)
    index = {**checkpoint.index, "weight_map": weight_map}
    if "metadata" in index:
        index["metadata"] = grown
    _write_json(index, checkpoint.directory / INDEX, out / INDEX)


def _grow(metadata: dict[str, Any], key: str, by: int) -> None:
    if isinstance(metadata.get(key), int | float):
        metadata[key] += by


def _write_generation_config(checkpoint: Checkpoint, plan: Plan, out: Path) -> None:
    original = checkpoint.directory / GENERATION_CONFIG
    before = read_generation_config(checkpoint.directory)
    after = resized_generation_config(before, checkpoint.config, plan)
    if after is not None:
        _write_json(after, original if before is not None else None, out / GENERATION_CONFIG)


def _write_json(data: Mapping[str, Any], original: Path | None, target: Path) -> None:
    text = original.read_bytes() if original and json.loads(original.read_bytes()) == data else None
    target.write_bytes(text if text is not None else spell_like(data, original).encode())
