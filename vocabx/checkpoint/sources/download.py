"""Download a model from the hub: what is read of it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from vocabx.checkpoint.sources.hub_options import HubOptions, hub_origin
from vocabx.checkpoint.sources.weight_files import PICKLED, SAFETENSORS, holds_weights, named_weights
from vocabx.core.errors import CheckpointError, InputError, first_line

__all__ = ["download", "hub_errors"]

SETTINGS = ("*.json", "*.model", "*.txt", "*.jinja", "README.md", "LICENSE*", "NOTICE*", "USE_POLICY*")
OTHER_FORMATS = ("original/*", "onnx/*", "openvino/*", "coreml/*", "tflite/*", "gguf/*", "metal/*")
"""Folders in which the same model is kept once more."""


def download(
    name: str, hub: HubOptions, revision: str | None = None, *, weights: bool = True, pickles: bool = False
) -> Path:
    """Return the directory of a hub model in the cache, downloaded as far as it is not there.

    Settings and tokenizer come first; they say which weight files there are. Only safetensors are downloaded, or with
    `pickles` also what a model keeps in PyTorch's own format alone.

    Raises
    ------
    CheckpointError
        With one sentence: there is no such model or revision, it is gated, the network is down, or it is not cached.
    """
    directory = _snapshot(name, revision, SETTINGS, hub)
    if not weights:
        return directory
    origin = hub_origin(directory)
    commit = origin.commit if origin else revision  # another commit may have become the latest
    for kind in (SAFETENSORS, PICKLED) if pickles else (SAFETENSORS,):
        for files in (named_weights(directory, kind), [kind.single]):  # an index may be left over
            _snapshot(name, commit, files, hub)
            if holds_weights(directory, kind):
                return directory
    raise CheckpointError(f"{name} has no weights that can be read here{_found(name, commit, hub)}")


def _snapshot(name: str, revision: str | None, patterns: Sequence[str], hub: HubOptions) -> Path:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    with hub_errors(name, revision, hub):
        try:
            directory = huggingface_hub.snapshot_download(
                name,
                revision=revision,
                token=hub.token,
                cache_dir=hub.cache_dir,
                local_files_only=hub.is_offline,
                allow_patterns=list(patterns),
                ignore_patterns=list(OTHER_FORMATS),
            )
        except LocalEntryNotFoundError as error:
            # What transformers cached lacks files that nobody needs, such as a licence, and counts as incomplete.
            incomplete = getattr(error, "snapshot_path", None)
            if incomplete is None or patterns != SETTINGS:
                raise
            directory = incomplete
    return Path(directory)


def _found(name: str, revision: str | None, hub: HubOptions) -> str:
    """Say what a model without safetensors has instead."""
    if hub.is_offline:
        return ": they are not in the cache, and the hub is not asked offline. Download it once without --offline."
    import huggingface_hub

    with hub_errors(name, revision, hub):
        files = huggingface_hub.HfApi(token=hub.token).list_repo_files(name, revision=revision)
    if any(file.endswith(".bin") for file in files):
        return (
            ": they are PyTorch files (.bin), which are pickles. Give --trust-pickle (trust_pickle=True) to have them "
            "opened as tensors only; it needs torch."
        )
    if any(file.endswith(".gguf") for file in files):
        return ": they are GGUF files. Start from the safetensors model that these were made of."
    return ", neither safetensors nor PyTorch files. Check the name, or give a --revision that has them."


@contextmanager
def hub_errors(name: str, revision: str | None, hub: HubOptions) -> Iterator[None]:
    """Turn what goes wrong between here and the hub into one sentence."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise CheckpointError(_sentence(error, name, revision, hub)) from error


def _sentence(error: Exception, name: str, revision: str | None, hub: HubOptions) -> str:
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        GatedRepoError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    named = name if revision is None else f"{name}@{revision}"
    match error:
        case GatedRepoError():
            return (
                f"{name} is gated: accept its terms at {constants.ENDPOINT}/{name}, then give your token with --token "
                "or HF_TOKEN."
            )
        case RepositoryNotFoundError():
            return (
                f"The hub shows no model {name}. Check the spelling; if it is private, give a token that may read it, "
                "with --token or HF_TOKEN."
            )
        case RevisionNotFoundError():
            return f"{name} has no revision {revision}. Give a branch, a tag or a commit of it."
        case LocalEntryNotFoundError() if hub.is_offline:
            place = hub.cache_dir or constants.HF_HUB_CACHE
            return f"{named} is not complete in the cache {place}, and the hub is not asked offline. Download it once."
        case LocalEntryNotFoundError():
            return f"The hub cannot be reached, and {named} is not in the cache. Check the network, or HF_ENDPOINT."
    reason = first_line(error).rstrip(".:")
    return f"{named} cannot be had from the hub: {reason}. Check the name, the network, the disk and your token."
