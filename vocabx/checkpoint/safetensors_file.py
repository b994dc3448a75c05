"""Safetensors files: their header, checked, and their tensors as arrays mapped from disk."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from vocabx.core.arrays import Matrix
from vocabx.core.errors import CheckpointError

__all__ = ["SafetensorsFile", "TensorEntry", "encode_header", "map_tensor", "read_header"]

LENGTH_BYTES = 8
LONGEST_HEADER = 100_000_000  # the limit of the format's own reader
METADATA = "__metadata__"

BITS: Mapping[str, int] = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 16),
    **dict.fromkeys(("U32", "I32", "F32"), 32),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 64),
}
"""Every type that the format knows, and its width."""

ROW_TYPES: Mapping[str, np.dtype[Any]] = {
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
}
"""Types whose rows can be mixed."""


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor: where its bytes are, counted from the start of the file, and how to read them."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self.end - self.begin

    @property
    def row_size(self) -> int:
        """Bytes of one row along the first axis."""
        return math.prod(self.shape[1:]) * BITS[self.dtype] // 8


@dataclass(frozen=True, slots=True)
class SafetensorsFile:
    """One file of `size` bytes: its tensors in the header's order, and the header's metadata, if any."""

    path: Path
    size: int
    metadata: Mapping[str, str] | None
    entries: Mapping[str, TensorEntry]


def read_header(path: Path) -> SafetensorsFile:
    """Read and check the header of a file; no tensor is touched."""
    try:
        with path.open("rb") as file:
            file_size = path.stat().st_size
            prefix = file.read(LENGTH_BYTES)
            length = int.from_bytes(prefix, "little")
            if len(prefix) < LENGTH_BYTES or LENGTH_BYTES + length > file_size:
                raise CheckpointError(f"{path} is cut short: its header does not fit into {file_size} bytes.")
            if length > LONGEST_HEADER:
                raise CheckpointError(f"{path} is no safetensors file: its header would be {length} bytes long.")
            text = file.read(length)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    header = _parse(path, text)
    metadata = header.pop(METADATA, None)
    start = LENGTH_BYTES + length
    entries = {name: _entry(path, name, value, start) for name, value in header.items()}
    _check_offsets(path, entries.values(), start, file_size)
    return SafetensorsFile(path, file_size, metadata, entries)


def _parse(path: Path, text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is no safetensors file: its header is not JSON ({error}).") from error
    if not isinstance(header, dict) or not isinstance(header.get(METADATA, {}), dict):
        raise CheckpointError(f"{path} is no safetensors file: its header is not an object.")
    return header


def _entry(path: Path, name: str, value: object, start: int) -> TensorEntry:
    match value:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [int(begin), int(end)]} if all(
            type(size) is int and size >= 0 for size in shape
        ):
            pass
        case _:
            raise CheckpointError(f"{path}: tensor {name} has a malformed header entry: {value!r:.200}.")
    if dtype not in BITS:
        raise CheckpointError(f"{path}: tensor {name} has the unknown type {dtype!r}.")
    if begin < 0 or (end - begin) * 8 != math.prod(shape) * BITS[dtype]:
        raise CheckpointError(
            f"{path}: tensor {name} spans bytes {begin} to {end}, which does not fit shape {tuple(shape)} of {dtype}."
        )
    return TensorEntry(name, dtype, tuple(shape), start + begin, start + end)


def _check_offsets(path: Path, entries: Iterable[TensorEntry], start: int, file_size: int) -> None:
    expected = start
    for entry in sorted(entries, key=lambda entry: (entry.begin, entry.end)):
        if entry.end > file_size:
            raise CheckpointError(f"{path} is cut short: tensor {entry.name} ends after the file does.")
        if entry.begin != expected:
            fault = "overlaps another tensor" if entry.begin < expected else "follows a hole"
            raise CheckpointError(f"{path}: tensor {entry.name} {fault} at byte {entry.begin}.")
        expected = entry.end
    if expected != file_size:
        raise CheckpointError(f"{path} holds {file_size - expected} bytes after its last tensor.")


def map_tensor(path: Path, entry: TensorEntry) -> Matrix:
    """Map a tensor from its file, read-only and in its stored type.

    Parameters
    ----------
    path : Path
        The file that `entry` was read from.
    entry : TensorEntry

    Returns
    -------
    ndarray of the entry's shape
        A `numpy.memmap`; bytes are read when they are used.
    """
    if entry.dtype not in ROW_TYPES:
        raise CheckpointError(
            f"{path}: tensor {entry.name} is stored as {entry.dtype}, and rows can only be made in "
            f"{', '.join(ROW_TYPES)}. Start from the unquantised checkpoint."
        )
    dtype = ROW_TYPES[entry.dtype]
    try:
        return np.memmap(path, dtype, "r", offset=entry.begin, shape=entry.shape)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: tensor {entry.name} cannot be mapped: {error}.") from error


def encode_header(entries: Iterable[TensorEntry], metadata: Mapping[str, str] | None, size: int = 0) -> bytes:
    """Spell the head of a file, length included, and in `size` bytes if it fits.

    The bytes of the entries are counted from its end.
    """
    header: dict[str, object] = {} if metadata is None else {METADATA: metadata}
    for entry in entries:
        offsets = [entry.begin, entry.end]
        header[entry.name] = {"dtype": entry.dtype, "shape": list(entry.shape), "data_offsets": offsets}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * max(-len(text) % LENGTH_BYTES, size - LENGTH_BYTES - len(text))
    return len(text).to_bytes(LENGTH_BYTES, "little") + text
