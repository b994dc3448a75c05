"""What a result says of where its numbers come from: models, data, versions, device."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from vocabx.checkpoint.sources.hub_options import hub_origin
from vocabx.checkpoint.sources.weight_files import SAFETENSORS, holds_weights
from vocabx.core.checksum import checksum
from vocabx.core.errors import InputError
from vocabx.evaluation.result import DataFile, EvaluatedModel

__all__ = ["describe_device", "describe_file", "describe_model", "installed", "name_models", "own_commit"]

DECIDING = (
    "config.json",
    "generation_config.json",
    "chat_template.jinja",
    "tokenizer*.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "*.model",
    "*.safetensors",
)
"""Files that decide what a model says: settings, tokenizer and weights."""
RECORDED = ("vocabx", "numpy", "tokenizers", "torch", "transformers")
CHECKSUM = re.compile(r"[0-9a-f]{64}")


def name_models(places: Sequence[str | Path]) -> list[str]:
    """Name models by the last part of their place, by more where two end alike, and as given where one is there twice.

    Raises
    ------
    InputError
        When a place is named twice.
    """
    spelt = [str(place) for place in places]
    for place in spelt:
        if spelt.count(place) > 1:
            raise InputError(f"{place} is named twice; name each model once.")
    parts = [Path(place).resolve().parts if Path(place).exists() else (str(place),) for place in places]
    for count in range(1, max(map(len, parts), default=0) + 1):
        names = ["/".join(part[-count:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return spelt


def describe_model(name: str, directory: Path, seconds: float | None = None) -> EvaluatedModel:
    """Describe a model; its checksum is of the names and bytes of its settings, tokenizer and weights.

    Weights are read whole: two ways to make new rows give files of the same sizes and headers. Those that the hub's
    cache keeps under their own checksum are not read. Where weights are absent the checksum is of the rest, and the
    description says so.
    """
    digest = hashlib.sha256()
    for path in sorted({path for pattern in DECIDING for path in directory.glob(pattern)}):
        digest.update(f"{path.name}\n{_checksum(path)}\n".encode())
    origin = hub_origin(directory)
    has_weights = holds_weights(directory, SAFETENSORS)
    return EvaluatedModel(name, digest.hexdigest(), origin.commit if origin else None, seconds, has_weights)


def describe_file(path: Path) -> DataFile:
    """Describe a file of data.

    Raises
    ------
    InputError
        When it cannot be read.
    """
    try:
        return DataFile(path.name, path.stat().st_size, _checksum(path))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def _checksum(path: Path) -> str:
    """Return a checksum; a file that the hub's cache keeps under its own is not read."""
    if path.is_symlink() and CHECKSUM.fullmatch(path.resolve().name):
        return path.resolve().name
    return checksum(path)


def installed(more: Iterable[str] = ()) -> dict[str, str]:
    """Return the versions of packages, without those that are not installed."""
    found = {}
    for name in (*RECORDED, *more):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def own_commit() -> str | None:
    """Return the commit of the repository that this program runs out of; None for an installed package."""
    here = Path(__file__).resolve().parents[2]
    if not (here / ".git").exists():
        return None
    try:
        asked = subprocess.run(["git", "-C", here, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return asked.stdout.strip()


def describe_device(device: str | None) -> str:
    """Name what models run on: the device that was asked for, or without one a GPU where there is one."""
    import torch

    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if place.type == "cpu":
        count = torch.get_num_threads()
        return f"CPU, {count} thread{'s' * (count != 1)}"
    return str(torch.cuda.get_device_name(place)) if place.type == "cuda" else str(place)
