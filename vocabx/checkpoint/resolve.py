"""From a name on the command line to a model directory."""

from __future__ import annotations

import re
from pathlib import Path

from vocabx.core.errors import CheckpointError

__all__ = ["resolve_model"]

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
WANTED = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja", "LICENSE*", "NOTICE*")


def resolve_model(model: str | Path, *, weights: bool = True) -> Path:
    """Return a local directory as it is, or download a hub id (only safetensors, settings and tokenizer)."""
    path = Path(model)
    if path.is_dir():
        return path
    if path.suffix == ".gguf":
        raise CheckpointError(f"{model} is a GGUF file; start from the safetensors directory that it was made of.")
    if path.exists() or not HUB_ID.fullmatch(str(model)) or isinstance(model, Path):
        raise CheckpointError(f"{model} is neither a model directory nor a hub id such as organisation/name.")
    from huggingface_hub import snapshot_download

    patterns = [pattern for pattern in WANTED if weights or pattern != "*.safetensors"]
    try:
        return Path(snapshot_download(str(model), allow_patterns=patterns))
    except (OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].removeprefix("Got: ").rstrip(".")
        raise CheckpointError(
            f"{model} is no directory here, and the hub did not give it: {reason}. Check the name, the network and, "
            "for a gated model, your token."
        ) from error
