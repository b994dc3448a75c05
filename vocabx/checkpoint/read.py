"""Open a model directory without loading the model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from vocabx.checkpoint.config import GENERATION_CONFIG, configured_tie, read_json
from vocabx.checkpoint.families.layouts import find_layout
from vocabx.checkpoint.locate import VocabularyTensors, locate_vocabulary
from vocabx.checkpoint.quantized import check_configuration, check_vocabulary_tensors
from vocabx.checkpoint.safetensors_file import SafetensorsFile, TensorEntry, map_tensor, read_header
from vocabx.core.arrays import ROWS_PER_BLOCK, Matrix
from vocabx.core.errors import CheckpointError

__all__ = ["ADAPTER", "CONFIG", "GENERATION_CONFIG", "INDEX", "Checkpoint", "StoredTensor", "open_checkpoint"]

CONFIG = "config.json"
ADAPTER = "adapter_config.json"
SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
HEADED = ("ForCausalLM", "LMHeadModel", "ForMaskedLM", "ForPreTraining", "ForConditionalGeneration")


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor and the file that holds it."""

    path: Path
    entry: TensorEntry

    def map(self) -> Matrix:
        """Map it from the file, read-only and in its stored type."""
        return map_tensor(self.path, self.entry)


@dataclass(frozen=True)
class Checkpoint:
    """A model directory: what is stored where, and which tensors have one row per token.

    Attributes
    ----------
    directory : Path
    config : mapping
        What config.json holds.
    files : mapping of str to SafetensorsFile
        The weight files by name.
    tensors : mapping of str to StoredTensor
        Every tensor of all files by name.
    index : mapping or None
        The shard index; None where there is one file.
    input : str
        Name of the input embedding.
    head : str or None
        Name of the output head where one is stored, be it tied or not.
    biases : tuple of str
        Names of the output biases. One that is stored as a single row is in `tensors` with the shape of a bias.
    tied : bool
        Whether the head is the input embedding. A head that is stored with the same bytes is tied as well.
    copies : mapping of str to str
        Names of further tensors that repeat the input or the head to the bit, and which of the two.
    tables : tuple of str
        Names of further matrices with one row per token, and rows of their own.
    """

    directory: Path
    config: Mapping[str, Any]
    files: Mapping[str, SafetensorsFile]
    tensors: Mapping[str, StoredTensor]
    index: Mapping[str, Any] | None
    input: str
    head: str | None
    biases: tuple[str, ...]
    tied: bool
    copies: Mapping[str, str] = field(default_factory=dict)
    tables: tuple[str, ...] = ()

    def matrix(self, name: str) -> Matrix:
        """Map a tensor from its file, read-only and in its stored type."""
        if name not in self.tensors:
            raise CheckpointError(f"{self.directory} holds no tensor {name}.")
        return self.tensors[name].map()

    def original(self, name: str) -> str:
        """Name the tensor that this one repeats: the input for a tied head; itself where it has its own rows."""
        original = self.copies.get(name, name)
        return self.input if self.tied and original == self.head else original

    @property
    def rows(self) -> int:
        """Rows of the input embedding, padding included."""
        return self.tensors[self.input].entry.shape[0]

    @property
    def dimensions(self) -> int:
        """Length of an input row."""
        return self.tensors[self.input].entry.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Stored type of the input embedding."""
        return self.matrix(self.input).dtype

    @property
    def resized(self) -> tuple[str, ...]:
        """Names of the tensors that have one row per token."""
        return VocabularyTensors(self.input, self.head, self.biases, (*self.copies, *self.tables)).names


def open_checkpoint(directory: Path) -> Checkpoint:
    """Read the configuration and the headers of a model directory, and find its embeddings.

    Files may be links, as they are in the hub's cache. Tensors are mapped only when asked for; nothing is unpickled.
    """
    config = _read_config(directory)
    index = None if (directory / SINGLE).is_file() or not (directory / INDEX).is_file() else _read_index(directory)
    names = sorted(set(index["weight_map"].values())) if index else [SINGLE]
    files = {name: read_header(_weight_file(directory, name)) for name in names}
    tensors = _tensors(files)
    if index:
        _check_index(directory, index, files)
    check_vocabulary_tensors(directory, config, tensors)
    found = locate_vocabulary(config, {name: tensor.entry.shape for name, tensor in tensors.items()})
    for name in found.names:
        tensors[name].map()  # refuses types that rows cannot be made in
    tensors |= {name: _as_bias(tensors[name]) for name in found.biases}
    tied, copies = _is_tied(config, found, tensors), _copies(found, tensors)
    tables = tuple(name for name in found.tables if name not in copies)
    return Checkpoint(
        directory, config, files, tensors, index, found.input, found.head, found.biases, tied, copies, tables
    )


def _read_config(directory: Path) -> dict[str, Any]:
    if not directory.is_dir():
        raise CheckpointError(f"There is no model directory {directory}.")
    if not (directory / CONFIG).is_file():
        raise CheckpointError(f"{directory} is no model directory: it has no {CONFIG}.{_hint(directory)}")
    config = read_json(directory / CONFIG)
    check_configuration(directory, config)
    return config


def _hint(directory: Path) -> str:
    if (directory / ADAPTER).is_file():
        base = read_json(directory / ADAPTER).get("base_model_name_or_path") or "its base model"
        return f" It holds an adapter alone: merge it into {base}, or give that model and train the adapter anew."
    if any(directory.glob("*.gguf")):
        return " It holds GGUF files; start from the safetensors that they were made of."
    if (directory / "tokenizer.json").is_file():
        return " It holds a tokenizer alone, which `vocabx tokenizer extend` can extend."
    return ""


def _weight_file(directory: Path, name: str) -> Path:
    path = directory / name
    if path.is_file():
        return path
    if name != SINGLE:
        raise CheckpointError(f"{directory / INDEX} names {name}, which is not there. Download the model again.")
    pickles = sorted(file.name for file in directory.glob("pytorch_model*.bin"))
    if pickles:
        raise CheckpointError(
            f"{directory} holds its weights only as {pickles[0]}, a pickle, which is not opened. Give "
            "--trust-pickle (trust_pickle=True) to have its tensors read, and nothing else of it; it needs torch."
        )
    raise CheckpointError(f"{directory} holds no weights: neither {SINGLE} nor {INDEX} is there.{_hint(directory)}")


def _read_index(directory: Path) -> dict[str, Any]:
    index = read_json(directory / INDEX)
    weight_map = index.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{directory / INDEX} has no weight_map.")
    for name in weight_map.values():
        if not isinstance(name, str) or name in ("", ".", "..") or "/" in name or "\\" in name:
            raise CheckpointError(f"{directory / INDEX} names a file outside its directory: {name!r}.")
    return index


def _tensors(files: Mapping[str, SafetensorsFile]) -> dict[str, StoredTensor]:
    tensors: dict[str, StoredTensor] = {}
    for file in files.values():
        for name, entry in file.entries.items():
            if name in tensors:
                raise CheckpointError(f"Tensor {name} is stored twice: in {tensors[name].path} and in {file.path}.")
            tensors[name] = StoredTensor(file.path, entry)
    return tensors


def _check_index(directory: Path, index: Mapping[str, Any], files: Mapping[str, SafetensorsFile]) -> None:
    for tensor, name in index["weight_map"].items():
        if tensor not in files[name].entries:
            raise CheckpointError(f"{directory / INDEX} places tensor {tensor} in {name}, which does not hold it.")


def _is_tied(config: Mapping[str, Any], found: VocabularyTensors, tensors: Mapping[str, StoredTensor]) -> bool:
    layout = find_layout(config)
    configured = configured_tie(config)
    tied = layout.tied if configured is None and layout else configured
    if found.head is not None:
        # transformers does not tie a head that is stored with other values, whatever the configuration says.
        return tied is not False and _same_bytes(tensors[found.input], tensors[found.head])
    architectures = config.get("architectures") or []
    is_headless = layout is not None and not layout.heads
    if tied is False and not is_headless and any(str(name).endswith(HEADED) for name in architectures):
        raise CheckpointError(
            f"{', '.join(map(str, architectures))} has an output head of its own (tie_word_embeddings is false), but "
            f"of the two the checkpoint stores only {found.input}. Download it again, or mend config.json."
        )
    return tied is not False


def _as_bias(stored: StoredTensor) -> StoredTensor:
    return replace(stored, entry=replace(stored.entry, shape=(math.prod(stored.entry.shape),)))


def _copies(found: VocabularyTensors, tensors: Mapping[str, StoredTensor]) -> dict[str, str]:
    originals = [name for name in (found.input, found.head) if name is not None]
    pairs = ((name, original) for name in found.tables for original in reversed(originals))
    return {name: original for name, original in pairs if _same_bytes(tensors[name], tensors[original])}


def _same_bytes(one: StoredTensor, other: StoredTensor) -> bool:
    if (one.entry.dtype, one.entry.shape) != (other.entry.dtype, other.entry.shape):
        return False
    left, right = one.map().view(np.uint8), other.map().view(np.uint8)
    starts = range(0, len(left), ROWS_PER_BLOCK)
    return all(np.array_equal(left[at : at + ROWS_PER_BLOCK], right[at : at + ROWS_PER_BLOCK]) for at in starts)
