"""Which files of a model directory hold its weights, in each format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vocabx.checkpoint.config import read_json
from vocabx.core.errors import CheckpointError

__all__ = ["PICKLED", "SAFETENSORS", "WeightFormat", "holds_weights", "named_weights"]


@dataclass(frozen=True, slots=True)
class WeightFormat:
    """The name of the one file of a model, and of the index where there are several."""

    single: str
    index: str


SAFETENSORS = WeightFormat("model.safetensors", "model.safetensors.index.json")
PICKLED = WeightFormat("pytorch_model.bin", "pytorch_model.bin.index.json")


def holds_weights(directory: Path, kind: WeightFormat) -> bool:
    """Whether a directory holds all the weight files of a format that it names."""
    return all((directory / name).is_file() for name in named_weights(directory, kind))


def named_weights(directory: Path, kind: WeightFormat) -> list[str]:
    """Return the names of a model's weight files: those of its index, or the one that there is without."""
    index = directory / kind.index
    if not index.is_file() or (directory / kind.single).is_file():
        return [kind.single]
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise CheckpointError(f"{index} has no weight_map.")
    names = sorted({str(name) for name in places.values()})
    outside = [name for name in names if name in ("", ".", "..") or "/" in name or "\\" in name]
    if outside:
        raise CheckpointError(f"{index} names a file outside its directory: {outside[0]!r}.")
    return names
