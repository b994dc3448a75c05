"""What more tokens cost a model: rows, parameters, and their share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vocabx.checkpoint import open_checkpoint
from vocabx.checkpoint.config import configured_tie, read_json, vocabulary_size
from vocabx.checkpoint.families.layouts import find_layout
from vocabx.checkpoint.read import CONFIG
from vocabx.checkpoint.token_ids import sections
from vocabx.core.errors import CheckpointError

__all__ = ["VocabularyCost", "read_cost"]

WIDTHS = ("word_embed_proj_dim", "embedding_size", "hidden_size", "n_embd", "d_model")
"""Where config.json says how long an input row is; what is not the hidden size of all layers comes first."""


@dataclass(frozen=True, slots=True)
class VocabularyCost:
    """The matrices with one row per token.

    Attributes
    ----------
    tokens : int
        Ids of the tokenizer.
    rows : int
        Rows of the matrices; those that belong to no token are taken over before there are more.
    width : int, optional
        Entries in a row; None where nothing is known of the model.
    matrices : int, optional
        1 where the output head is the input embedding, or where there is none; 2 where it has rows of its own.
    parameters : int, optional
        Of the whole model, a tied head counted once; None where the weights are not there.
    remark : str
        Where the figures are from.
    reserved : int
        Slots among the ids that new tokens take first.
    """

    tokens: int
    rows: int
    width: int | None = None
    matrices: int | None = None
    parameters: int | None = None
    remark: str = ""
    reserved: int = 0

    def new_rows(self, size: int) -> int:
        """Count the rows that each matrix grows by."""
        return max(self.tokens + max(size - self.reserved, 0) - self.rows, 0)

    def new_parameters(self, size: int) -> int | None:
        """Count the parameters that the model grows by; output biases, one entry per row, are left out."""
        return None if not self.width or not self.matrices else self.new_rows(size) * self.width * self.matrices

    def share(self, size: int) -> float | None:
        """Return the new parameters as a share of what the model has."""
        new = self.new_parameters(size)
        return None if new is None or not self.parameters else new / self.parameters

    def embedding_ratio(self, size: int) -> float:
        """Return rows after by rows before, which is the ratio of the parameters in these matrices."""
        return (self.rows + self.new_rows(size)) / self.rows


def read_cost(directory: Path, tokens: int, *, reserved: int = 0) -> VocabularyCost:
    """Read what is known of a model: from its weights, else its config.json, else nothing but the tokenizer's size."""
    return replace(_read(directory, tokens), reserved=reserved)


def _read(directory: Path, tokens: int) -> VocabularyCost:
    if not (directory / CONFIG).is_file():
        return VocabularyCost(tokens, tokens, remark="no config.json: rows only")
    config = read_json(directory / CONFIG)
    if not any(directory.glob("*.safetensors")):
        return _from_config(config, tokens, "config.json; the weights are not there")
    try:
        checkpoint = open_checkpoint(directory)
    except CheckpointError as error:
        return _from_config(config, tokens, f"config.json; the weights were not read: {error}")
    has_head = checkpoint.head is not None and not checkpoint.tied
    unshared = {name: each for name, each in checkpoint.tensors.items() if checkpoint.original(name) == name}
    return VocabularyCost(
        tokens=tokens,
        rows=checkpoint.rows,
        width=checkpoint.dimensions,
        matrices=1 + has_head,
        parameters=sum(math.prod(tensor.entry.shape) for tensor in unshared.values()),
        remark="the weights",
    )


def _from_config(config: Mapping[str, Any], tokens: int, remark: str) -> VocabularyCost:
    found = (section.get(name) for section in sections(config) for name in WIDTHS)
    width = next((value for value in found if type(value) is int and value > 0), None)
    layout, configured = find_layout(config), configured_tie(config)
    tied = layout.tied if configured is None and layout else configured
    matrices = 2 if tied is False else 1
    return VocabularyCost(tokens, vocabulary_size(config) or tokens, width, matrices, remark=remark)
