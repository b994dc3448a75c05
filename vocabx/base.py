"""Base: a model before the change, as planning sees it, be it a directory or a model in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vocabx.checkpoint import Checkpoint
from vocabx.checkpoint.config import read_generation_config
from vocabx.core.embeddings import Embeddings
from vocabx.output import base_name
from vocabx.output_head import OutputHead
from vocabx.tokenizer_tools.read import FastSegmenter

__all__ = ["Base"]


@dataclass(frozen=True)
class Base:
    """What a plan is made of.

    Attributes
    ----------
    name : str
        As the manifest gives it.
    segmenter : FastSegmenter
    embeddings : Embeddings
        The input rows, in their stored type.
    head : OutputHead
    config : mapping
        What config.json holds.
    generation : mapping or None
        What generation_config.json holds; None where there is none.
    tokenizer : Path
        Directory with the tokenizer's files, for its chat template.
    """

    name: str
    segmenter: FastSegmenter
    embeddings: Embeddings = field(repr=False)
    head: OutputHead
    config: Mapping[str, Any] = field(repr=False)
    generation: Mapping[str, Any] | None = field(repr=False)
    tokenizer: Path

    @classmethod
    def of(cls, model: str | Path, checkpoint: Checkpoint, segmenter: FastSegmenter, embeddings: Embeddings) -> Base:
        """Look at an opened model directory."""
        directory = checkpoint.directory
        return cls(
            name=base_name(model),
            segmenter=segmenter,
            embeddings=embeddings,
            head=OutputHead.of(checkpoint),
            config=checkpoint.config,
            generation=read_generation_config(directory),
            tokenizer=directory,
        )
