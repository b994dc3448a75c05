"""Changes: which tensors of a checkpoint become others, and what each is afterwards."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vocabx.checkpoint.read import Checkpoint
from vocabx.checkpoint.safetensors_file import BITS, ROW_TYPES, SafetensorsFile, TensorEntry
from vocabx.checkpoint.writing.recoding import Decoder
from vocabx.checkpoint.writing.resize import Resize
from vocabx.checkpoint.writing.storage import Storage
from vocabx.core.arrays import Matrix
from vocabx.core.errors import CheckpointError

__all__ = ["Changes", "changed_index", "is_changed", "unchanged_files"]


def unchanged_files(checkpoint: Checkpoint, storage: Storage) -> list[str]:
    """Name the weight files that hold neither rows of tokens nor anything to cast."""
    return [
        name
        for name, file in sorted(checkpoint.files.items())
        if not any(is_changed(checkpoint, storage, entry) for entry in file.entries.values())
    ]


def is_changed(checkpoint: Checkpoint, storage: Storage, entry: TensorEntry) -> bool:
    """Whether a tensor holds rows of tokens, or is cast."""
    return entry.name in checkpoint.resized or storage.is_cast(entry)


@dataclass(frozen=True)
class Changes:
    """Tensors that get other rows or another type, by name, and new ones beside them."""

    resizes: Mapping[str, Resize]
    decoders: Mapping[str, Decoder]
    storage: Storage

    def concern(self, entry: TensorEntry) -> bool:
        """Whether a tensor becomes another one."""
        return entry.name in self.resizes or self.storage.is_cast(entry)

    def entry_after(self, entry: TensorEntry, begin: int = 0) -> TensorEntry:
        """Return a tensor's header entry afterwards, its bytes starting at `begin`."""
        if entry.name in self.resizes:
            return self.resizes[entry.name].entry_at(begin)
        dtype = self.storage.type_of(entry)
        return replace(entry, dtype=dtype, begin=begin, end=begin + math.prod(entry.shape) * BITS[dtype] // 8)

    def added(self, file: SafetensorsFile) -> list[tuple[TensorEntry, Matrix]]:
        """Return the new tensors of a file as they are stored, each with its entry, which begins at 0."""
        here = {name: decoder for name, decoder in self.decoders.items() if decoder.beside in file.entries}
        return [self._added(name, decoder, file.entries[decoder.beside]) for name, decoder in here.items()]

    def _added(self, name: str, decoder: Decoder, beside: TensorEntry) -> tuple[TensorEntry, Matrix]:
        dtype = self.storage.type_of(beside)
        with np.errstate(over="ignore"):
            stored = np.ascontiguousarray(decoder.matrix, ROW_TYPES[dtype])
        if not np.isfinite(stored).all():
            raise CheckpointError(
                f"{name} is not finite when stored as {dtype}. Choose a wider type with --dtype (dtype=)."
            )
        return TensorEntry(name, dtype, stored.shape, 0, stored.nbytes), stored


def changed_index(checkpoint: Checkpoint, changes: Changes) -> dict[str, Any]:
    """Return the shard index afterwards: the new tensors where they lie, and its sums, where it has them."""
    assert checkpoint.index is not None, "the checkpoint has an index"
    metadata = checkpoint.index.get("metadata")
    grown = dict(metadata) if isinstance(metadata, dict) else {}
    for name, tensor in checkpoint.tensors.items():
        before, after = tensor.entry, changes.entry_after(tensor.entry)
        _grow(grown, "total_size", after.size - before.size)
        # A head that duplicates the input is one parameter with it.
        if name not in changes.resizes or changes.resizes[name].source.entry.name == name:
            _grow(grown, "total_parameters", math.prod(after.shape) - math.prod(before.shape))
    weight_map = dict(checkpoint.index["weight_map"])
    for name, decoder in changes.decoders.items():
        weight_map[name] = weight_map[decoder.beside]
        dtype = changes.storage.type_of(checkpoint.tensors[decoder.beside].entry)
        _grow(grown, "total_size", decoder.matrix.size * BITS[dtype] // 8)
        _grow(grown, "total_parameters", decoder.matrix.size)
    index = {**checkpoint.index, "weight_map": weight_map}
    return {**index, "metadata": grown} if "metadata" in index else index


def _grow(metadata: dict[str, Any], key: str, by: int) -> None:
    if isinstance(metadata.get(key), int | float):
        metadata[key] += by
