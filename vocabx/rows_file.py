"""Files of rows, `.safetensors` or `.npz`: the matrices, and the tokens that their rows are for."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from vocabx.core.arrays import Ints, Matrix, loading_fault
from vocabx.core.errors import InputError, OutputError

__all__ = ["MATRICES", "read_arrays", "save_rows"]

MATRICES = ("input", "head", "bias")
ENDINGS = (".safetensors", ".npz")


def save_rows(path: Path, matrices: Mapping[str, Matrix], ids: Ints, pieces: Sequence[str]) -> None:
    """Write a file that `ReadyRows.open` reads; its type is said by the ending."""
    from safetensors.numpy import save_file

    _check_ending(path)
    try:
        if path.suffix == ".safetensors":
            arrays = {name: np.ascontiguousarray(array) for name, array in {**matrices, "ids": ids}.items()}
            save_file(arrays, path, metadata={"pieces": json.dumps(list(pieces), ensure_ascii=False)})
            return
        # numpy writes bfloat16 as bytes without a type, and float32 holds it exactly.
        wide = {name: np.asarray(m, np.float32) if m.dtype == ml_dtypes.bfloat16 else m for name, m in matrices.items()}
        with path.open("wb") as file:
            np.savez(file, ids=ids, pieces=_spelt(pieces), **wide)  # type: ignore[arg-type]  # numpy types the flag
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from error


def _spelt(pieces: Sequence[str]) -> Any:
    """Return the pieces as bytes of JSON: numpy's own strings would lose zeros at their end."""
    return np.frombuffer(json.dumps(list(pieces), ensure_ascii=False).encode(), np.uint8)


def _check_ending(path: Path) -> None:
    if path.suffix not in ENDINGS:
        raise InputError(f"{path} must end in .safetensors or .npz.")


def read_arrays(path: Path) -> tuple[dict[str, Any], tuple[str, ...] | None]:
    """Return the arrays of a file, and the pieces it names; raise `InputError` where it cannot be read."""
    from safetensors import SafetensorError, safe_open

    _check_ending(path)
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, "numpy") as file:
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no mapping
                pieces = (file.metadata() or {}).get("pieces")
        else:
            arrays = _archived(path)
            named = arrays.pop("pieces", None)
            if named is not None and named.dtype.kind == "U":
                return arrays, tuple(named.reshape(-1).tolist())
            pieces = None if named is None else named.tobytes().decode()
        return arrays, None if pieces is None else tuple(map(str, json.loads(pieces)))
    except (OSError, EOFError, TypeError, ValueError, SafetensorError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path} cannot be read as rows: {loading_fault(error)}.") from error


def _archived(path: Path) -> dict[str, Any]:
    # What is no archive, numpy takes for one array, or for a pickle.
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path} cannot be read as rows: it is no archive of arrays, or cut short. Use numpy.savez.")
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        arrays = dict(archive)
    other = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
    if other:
        raise InputError(f"{path} cannot be read as rows: {other[0]} in it is no array. Use numpy.savez.")
    return arrays
