"""What adapters are told of new tokens: the ids that they are to train."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from vocabx.checkpoint import Checkpoint, open_checkpoint
from vocabx.checkpoint.families.layouts import find_layout
from vocabx.core.errors import InputError
from vocabx.manifest import Manifest

__all__ = ["row_modules", "trainable_token_indices"]


def trainable_token_indices(directory: str | Path) -> dict[str, list[int]]:
    """Return the new ids by module, as ``LoraConfig(trainable_token_indices=...)`` of PEFT takes them.

    Parameters
    ----------
    directory : str or Path
        A model directory that vocabx wrote.

    Returns
    -------
    dict of str to list of int
        The input embedding, such as ``embed_tokens``, and an untied output head, such as ``lm_head``. PEFT lets a tied
        head follow the input by itself. A name is the shortest ending that only this module has.

    Raises
    ------
    InputError
        When vocabx did not write the directory, it has no weights, no new rows, or factorised ones.
    """
    directory = Path(directory)
    manifest = Manifest.load(directory)
    if not manifest.rows:
        raise InputError(f"{directory} holds a tokenizer alone; there are no rows to train.")
    if manifest.factorization:
        raise InputError(f"{directory} has factorised embeddings, whose rows are all changed: train all of them.")
    ids = manifest.plan.new_ids.tolist()
    if not ids:
        raise InputError(f"{directory} has no new rows: all of them are the base's.")
    checkpoint = open_checkpoint(directory)
    return {name: list(ids) for name in row_modules(checkpoint)}


def row_modules(checkpoint: Checkpoint) -> list[str]:
    """Name the modules whose rows belong to tokens: the input, and a head of its own."""
    layout = find_layout(checkpoint.config)
    parents = {name.rpartition(".")[0] for name in checkpoint.tensors}
    if layout is not None and checkpoint.input.endswith(layout.heads):  # a shared matrix under the head's name
        return [layout.input.removesuffix(".weight").rpartition(".")[2]]
    own_head = [] if checkpoint.tied or checkpoint.head is None else [checkpoint.head]
    return [_shortest(name.removesuffix(".weight"), parents) for name in (checkpoint.input, *own_head)]


def _shortest(module: str, modules: Collection[str]) -> str:
    """Return the shortest ending of a dotted name that no other one has.

    >>> _shortest("model.decoder.embed_tokens", ["model.decoder.embed_tokens", "model.encoder.embed_tokens"])
    'decoder.embed_tokens'
    """
    parts = module.split(".")
    endings = [".".join(parts[start:]) for start in range(len(parts) - 1, -1, -1)]
    return next(
        (ending for ending in endings if sum(f".{other}".endswith(f".{ending}") for other in modules) == 1), module
    )
