"""Write a trained model: the files of the directory that it began as, with what was trained in the same places."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vocabx.carried_files import carry_files
from vocabx.checkpoint import Checkpoint
from vocabx.checkpoint.read import CONFIG, GENERATION_CONFIG, INDEX, StoredTensor
from vocabx.checkpoint.staging.atomic import synchronize
from vocabx.checkpoint.writing.casting import cast
from vocabx.checkpoint.writing.copying import copy_once, write_bytes_at
from vocabx.tokenizer_tools.write import TEMPLATES, TOKENIZER_FILES
from vocabx.training.model.loading import Loaded, stored_state
from vocabx.trimming import ID_MAP

__all__ = ["write_trained"]

ROWS = "vocabx-rows*.npz"
NUMBERS_AT_ONCE = 2**22


def write_trained(loaded: Loaded, model: Any, out: Path) -> tuple[str, ...]:
    """Write weights, settings and tokenizer into an existing directory; return the names of the tensors that changed.

    Every tensor keeps its type, its shape and its place in its file. What was not trained keeps its bytes; what was is
    rounded from float32. Tensors that repeat another one, such as a tied head that is stored as well, follow it.

    Raises
    ------
    CheckpointError
        When a trained number is too large for the type of its tensor.
    """
    checkpoint, state = loaded.checkpoint, stored_state(model)
    places = _places(checkpoint, loaded.names)
    _carry(checkpoint.directory, out)
    changed = list[str]()
    for name, file in checkpoint.files.items():
        _copy(file.path, out / name)
        with (out / name).open("r+b", buffering=0) as sink:
            for tensor in file.entries:
                place = places.get(tensor)
                if place is not None and _replace(checkpoint.tensors[tensor], state[place], sink.fileno()):
                    changed.append(tensor)
    synchronize(out)
    shutil.copyfile(checkpoint.directory / CONFIG, out / CONFIG)  # last of all: without it, nothing loads
    return tuple(changed)


def _places(checkpoint: Checkpoint, names: Mapping[str, str]) -> dict[str, str]:
    """Name for each stored tensor the one of the model that it takes its numbers from."""
    copies = {
        name: names[original]
        for name, original in ((name, checkpoint.original(name)) for name in checkpoint.copies)
        if name not in names and original in names
    }
    return {**names, **copies}


def _carry(base: Path, out: Path) -> None:
    """Copy all that is not weights and stays true."""
    carry_files(base, out)
    patterns = (*sorted(TOKENIZER_FILES), *TEMPLATES, GENERATION_CONFIG, INDEX, ROWS, ID_MAP)
    for file in _existing(base, patterns):
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(base / file, out / file)


def _existing(base: Path, patterns: Iterable[str]) -> set[Path]:
    return {file.relative_to(base) for pattern in patterns for file in base.glob(pattern) if file.is_file()}


def _copy(source: Path, target: Path) -> None:
    with source.open("rb", buffering=0) as read, target.open("xb", buffering=0) as written:
        for _ in copy_once(read.fileno(), written.fileno(), 0, os.fstat(read.fileno()).st_size):
            pass


def _replace(stored: StoredTensor, trained: Any, sink: int) -> bool:
    """Write the numbers of a tensor that differ from those that are stored; return whether there are any."""
    numbers = stored.map().reshape(-1)
    flat, width, changed = trained.detach().reshape(-1), numbers.dtype.itemsize, False
    for start in range(0, len(numbers), NUMBERS_AT_ONCE):
        part = slice(start, start + NUMBERS_AT_ONCE)
        masters = flat[part].float().cpu().numpy()
        before = np.asarray(numbers[part])
        with np.errstate(all="ignore"):
            is_same = np.array_equal(before.astype(np.float32), masters, equal_nan=True)
        if is_same:
            continue
        after = cast(stored.entry.name, masters, stored.entry.dtype)
        data = np.ascontiguousarray(after).view(np.uint8)
        if not np.array_equal(data, np.ascontiguousarray(before).view(np.uint8)):
            write_bytes_at(sink, data.data, stored.entry.begin + start * width)
            changed = True
    return changed
