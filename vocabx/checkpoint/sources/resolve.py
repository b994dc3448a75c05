"""From a name on the command line to a model directory."""

from __future__ import annotations

from pathlib import Path

from vocabx.checkpoint.sources.download import download
from vocabx.checkpoint.sources.hub_options import HubOptions, split_hub_id
from vocabx.checkpoint.sources.pickled import is_pickled, unpickled
from vocabx.core.errors import CheckpointError
from vocabx.core.setting_types import as_path

__all__ = ["resolve_model"]


def resolve_model(
    model: str | Path,
    *,
    weights: bool = True,
    hub: HubOptions = HubOptions(),  # noqa: B008  frozen
    trust_pickle: bool = False,
) -> Path:
    """Return a local directory as it is, or download a hub id.

    Parameters
    ----------
    model : str or Path
        A directory, or ``organisation/name`` with or without ``@revision``. A `Path` is never looked up.
    weights : bool
        Whether weights are needed, or settings and tokenizer alone.
    hub : HubOptions
        Revision, token, cache, and whether the hub may be asked.
    trust_pickle : bool
        Open weights that there are only as PyTorch files: what is returned is then a copy in safetensors that lasts
        as long as the process.

    Raises
    ------
    CheckpointError
        When there is no such model, or the hub does not give it.
    MissingExtraError
        When PyTorch files are to be opened without torch.
    """
    directory = _find(model, weights, hub, trust_pickle)
    return unpickled(directory) if weights and trust_pickle and is_pickled(directory) else directory


def _find(model: str | Path, weights: bool, hub: HubOptions, pickles: bool) -> Path:
    path = as_path("model", model)
    if path.is_dir():
        if hub.revision is not None:
            raise CheckpointError(f"{model} is a directory here and has no revision {hub.revision}. Leave it out.")
        return path
    if path.suffix == ".gguf":
        raise CheckpointError(f"{model} is a GGUF file; start from the safetensors directory that it was made of.")
    named = None if path.exists() or isinstance(model, Path) else split_hub_id(model)
    if named is None:
        raise CheckpointError(f"{model} is neither a model directory nor a hub id such as organisation/name.")
    name, revision = named
    if revision and hub.revision and revision != hub.revision:
        raise CheckpointError(f"{model} names one revision and --revision another, {hub.revision}. Leave one out.")
    return download(name, hub, revision or hub.revision, weights=weights, pickles=pickles)
