"""Weights in PyTorch's own format, written out as safetensors: tensors are read, and no code is run."""

from __future__ import annotations

import atexit
import json
import math
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vocabx.checkpoint.config import read_json
from vocabx.checkpoint.families.layouts import find_layout
from vocabx.checkpoint.safetensors_file import TensorEntry, encode_header
from vocabx.checkpoint.sources.weight_files import PICKLED, SAFETENSORS, holds_weights, named_weights
from vocabx.core.errors import CheckpointError, MissingExtraError, OutputError

if TYPE_CHECKING:
    import torch

__all__ = ["is_pickled", "unpickled"]

TYPES: Mapping[str, str] = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "int16": "I16",
    "int32": "I32",
    "int64": "I64",
    "float16": "F16",
    "bfloat16": "BF16",
    "float32": "F32",
    "float64": "F64",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
}
"""What torch's types are called in safetensors."""


def is_pickled(directory: Path) -> bool:
    """Whether a directory holds its weights in PyTorch's format and in no other, be they complete or not."""
    if holds_weights(directory, SAFETENSORS):
        return False
    is_only_index = (directory / PICKLED.index).is_file() and not (directory / SAFETENSORS.index).is_file()
    return is_only_index or holds_weights(directory, PICKLED)


def unpickled(directory: Path) -> Path:
    """Return a temporary copy of a model directory whose weights are safetensors; it goes when the process ends.

    The shards are those of the original, one is read at a time, and all other files are links. Of names that share
    one tensor the input embedding's stays, or else the shortest. The last three folders of the copy's path are those
    of the original, so that a download is known by them.
    """
    files = [directory / name for name in named_weights(directory, PICKLED)]
    for file in files:
        if not file.is_file():
            raise CheckpointError(
                f"{directory / PICKLED.index} names {file.name}, which is not there. Download the model again."
            )
    return _copy(directory.resolve(), tuple((file.stat().st_size, file.stat().st_mtime_ns) for file in files))


@cache
def _copy(directory: Path, state: object) -> Path:
    # Remembered by the files' state: a command opens its base several times.
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Reading PyTorch weights (.bin)", "torch") from error
    root = Path(tempfile.mkdtemp(prefix="vocabx-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    target = root.joinpath(*directory.relative_to(directory.anchor).parts[-3:])
    try:
        target.mkdir(parents=True)
        _link_others(directory, target)
        _convert(directory, target)
    except OSError as error:
        shutil.rmtree(root, ignore_errors=True)
        raise OutputError(
            f"The safetensors copy of {directory} cannot be written to {root}: {error.strerror or error}. It needs as "
            "much room as the weights; name a larger disk with TMPDIR."
        ) from error
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise
    return target


def _link_others(directory: Path, target: Path) -> None:
    for file in directory.rglob("*"):
        if file.is_file() and file.suffix != ".bin" and file.name not in (PICKLED.index, SAFETENSORS.index):
            place = target / file.relative_to(directory)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(file)


def _convert(directory: Path, target: Path) -> None:
    layout = find_layout(read_json(directory / "config.json"))
    ending = layout.input if layout else ""
    names = named_weights(directory, PICKLED)
    places, total = dict[str, str](), 0
    for name in names:
        tensors = _without_aliases(_load(directory / name), ending)
        written = _safetensors_name(name)
        places |= dict.fromkeys(tensors, written)
        total += _write(tensors, target / written)
    if names != [PICKLED.single]:
        index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))}
        (target / SAFETENSORS.index).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def _safetensors_name(name: str) -> str:
    return f"{name.removesuffix('.bin').replace('pytorch_model', 'model', 1)}.safetensors"


def _load(path: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a file; whatever else a pickle may ask for is refused by torch."""
    import torch

    try:
        content = _loaded(path)
    except Exception as error:  # torch and pickle raise whatever a damaged or malicious file makes them
        raise CheckpointError(
            f"{path} is no file of plain tensors, and is not opened: {_fault(error):.200}."
        ) from error
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise CheckpointError(f"{path} holds other things than the tensors of a model, and is not read.")
    unknown = [name for name, tensor in content.items() if _type(tensor) not in TYPES]
    if unknown:
        raise CheckpointError(f"{path}: tensor {unknown[0]} is of type {content[unknown[0]].dtype}, which is not read.")
    return content


def _fault(error: Exception) -> str:
    """Say what is wrong, without torch's advice to unpickle the file all the same."""
    text = str(error).strip()
    if asked := re.search(r"GLOBAL (\S+)", text):
        return f"it asks for {asked[1]}, which could run code"
    if "weights_only" in text or "weights only" in text.lower():
        return "it holds other things, or is damaged"
    return text.partition("\n")[0].rstrip(".") or type(error).__name__


def _loaded(path: Path) -> Any:
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except RuntimeError as error:
        if "mmap can only be used" not in str(error):
            raise
    return torch.load(path, map_location="cpu", weights_only=True)  # as torch wrote them before version 1.6


def _type(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _without_aliases(tensors: Mapping[str, torch.Tensor], preferred: str) -> dict[str, torch.Tensor]:
    """Keep one name of each tensor."""
    names: dict[tuple[Any, ...], list[str]] = {}
    for name, tensor in tensors.items():
        same = (tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride())
        # Empty tensors lie nowhere, and so all in one place.
        names.setdefault(same if tensor.numel() else (name,), []).append(name)
    kept = {
        min(group, key=lambda name: (not (preferred and name.endswith(preferred)), len(name), name))
        for group in names.values()
    }
    return {name: tensor for name, tensor in tensors.items() if name in kept}


def _write(tensors: Mapping[str, torch.Tensor], path: Path) -> int:
    """Write a safetensors file, a tensor at a time; return the bytes of its tensors."""
    import torch

    entries, at = [], 0
    for name, tensor in _widest_first(tensors):
        size = tensor.numel() * tensor.element_size()
        entries.append(TensorEntry(name, TYPES[_type(tensor)], tuple(tensor.shape), at, at + size))
        at += size
    with path.open("wb") as file:
        file.write(encode_header(entries, {"format": "pt"}))
        for entry in entries:
            if math.prod(entry.shape):
                flat = tensors[entry.name].detach().contiguous().reshape(-1).view(torch.uint8)
                flat.numpy().tofile(file)
    return at


def _widest_first(tensors: Mapping[str, torch.Tensor]) -> Iterable[tuple[str, torch.Tensor]]:
    """Order tensors so that each begins at a multiple of its type's width."""
    return sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0]))
