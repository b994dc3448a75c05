"""What rows are made of: the matrices of a model directory, or matrices that are given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from vocabx.base import Base
from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.core.arrays import Matrix
from vocabx.core.embeddings import Embeddings
from vocabx.core.errors import InputError
from vocabx.directories import open_base
from vocabx.output_head import OutputHead
from vocabx.replacement import ReplaceRequest
from vocabx.rows_file import MATRICES
from vocabx.stages import Stages
from vocabx.tokenizer_tools.read import read_tokenizer

__all__ = ["sources_of_directory", "sources_of_matrices"]


def sources_of_directory(
    model: str | Path, base_tokenizer: str | Path | None, request: ReplaceRequest, stages: Stages
) -> tuple[Base, dict[str, Matrix]]:
    """Open a model directory; its matrices stay mapped."""
    if base_tokenizer is not None:
        raise InputError("A model has its own tokenizer; base_tokenizer= belongs to matrices that are given.")
    directory = resolve_model(model, hub=request.hub, trust_pickle=request.trust_pickle)
    checkpoint, segmenter, embeddings = open_base(directory, stages)
    base = Base.of(model, checkpoint, segmenter, embeddings)
    sources = {"input": embeddings.rows}
    if base.head.rows is not None:
        sources["head"] = base.head.rows
    if checkpoint.biases:
        sources["bias"] = checkpoint.matrix(checkpoint.biases[0]).reshape(-1, 1)
    return base, sources


def sources_of_matrices(
    matrices: Mapping[str, Any], base_tokenizer: str | Path | None, request: ReplaceRequest
) -> tuple[Base, dict[str, Matrix]]:
    """Take matrices that are given, with the tokenizer that they belong to."""
    if base_tokenizer is None:
        raise InputError("Say with base_tokenizer= which tokenizer the matrices belong to.")
    if "input" not in matrices or matrices.keys() - set(MATRICES):
        raise InputError(f"The matrices are input, head and bias, of which input is needed; got {sorted(matrices)}.")
    sources = {name: _checked(name, matrices[name]) for name in MATRICES if matrices.get(name) is not None}
    for name, source in sources.items():
        if len(source) != len(sources["input"]):
            raise InputError(f"The matrix {name} has {len(source)} rows, and input has {len(sources['input'])}.")
    directory = resolve_model(base_tokenizer, weights=False, hub=request.hub)
    segmenter = read_tokenizer(directory)
    head = OutputHead(sources.get("head"), True, "bias" in sources)
    embeddings = Embeddings(segmenter.tokens, sources["input"])
    return Base(directory.name, segmenter, embeddings, head, {}, None, directory), sources


def _checked(name: str, matrix: Any) -> Matrix:
    array = np.asarray(matrix)
    if array.dtype != ml_dtypes.bfloat16 and array.dtype.kind != "f":
        raise InputError(f"The matrix {name} is of type {array.dtype}, and rows are floats.")
    if name == "bias" and array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise InputError(f"The matrix {name} must have one row per token, and has shape {array.shape}.")
    return array
