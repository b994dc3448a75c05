"""Find the tensors of one model that have one row per token, by its layout or by their shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from vocabx.checkpoint.config import vocabulary_size
from vocabx.checkpoint.layouts import LAYOUTS, Layout, find_layout
from vocabx.core.errors import CheckpointError

__all__ = ["VocabularyTensors", "locate_vocabulary"]

Shapes = Mapping[str, tuple[int, ...]]

HEAD_WORDS = ("head", "output", "embed_out")
INPUT_WORDS = ("embed", "wte", "shared")
PER_LAYER = "embed_tokens_per_layer"


@dataclass(frozen=True, slots=True)
class VocabularyTensors:
    """Names of the stored tensors that have one row per token."""

    input: str
    head: str | None
    biases: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return (self.input, *((self.head,) if self.head else ()), *self.biases)


def locate_vocabulary(config: Mapping[str, Any], shapes: Shapes) -> VocabularyTensors:
    """Name the input embedding, the output head and the output biases among the stored tensors."""
    per_layer = [name for name in shapes if PER_LAYER in name]
    if per_layer:
        raise CheckpointError(
            f"Every layer of this model has an embedding table of its own ({per_layer[0]}), where new tokens would "
            "have no row. Give reserved tokens a new meaning instead of adding ids."
        )
    layout = find_layout(config)
    found = _by_layout(layout, shapes) if layout else _by_shape(config, shapes)
    _check_rows(found, shapes, vocabulary_size(config))
    return found


def _by_layout(layout: Layout, shapes: Shapes) -> VocabularyTensors:
    head = _named(layout.head, shapes)
    # A tied model may store the shared matrix under the head's name only.
    stored = _named(layout.input, shapes) or head
    if stored is None:
        raise CheckpointError(
            f"The checkpoint of this {layout.model_types[0]} model holds no input embedding: no tensor is called "
            f"{layout.input}, with or without something before it."
        )
    biases = (_named(bias, shapes) for bias in layout.biases)
    return VocabularyTensors(stored, None if stored == head else head, tuple(name for name in biases if name))


def _named(suffix: str, names: Iterable[str]) -> str | None:
    found = [name for name in names if name == suffix or name.endswith(f".{suffix}")]
    if len(found) > 1:
        raise CheckpointError(
            f"Several tensors could be {suffix}: {', '.join(sorted(found))}. Keep one in the checkpoint."
        )
    return found[0] if found else None


def _by_shape(config: Mapping[str, Any], shapes: Shapes) -> VocabularyTensors:
    rows = vocabulary_size(config)
    if rows is None:
        raise _unrecognized(config, "its config.json has no vocab_size to recognise tensors by")
    matrices = sorted(name for name, shape in shapes.items() if len(shape) == 2 and shape[0] == rows)
    heads = [name for name in matrices if any(word in name for word in HEAD_WORDS)]
    inputs = [name for name in matrices if name not in heads and any(word in name for word in INPUT_WORDS)]
    if len(matrices) == 1 and not heads:
        inputs = matrices
    if len(inputs) != 1 or len(heads) > 1 or len(inputs) + len(heads) != len(matrices):
        candidates = ", ".join(matrices) or "none"
        raise _unrecognized(config, f"its matrices of {rows} rows do not say which is which: {candidates}")
    if rows in shapes[inputs[0]][1:]:
        raise _unrecognized(config, f"{inputs[0]} has as many rows as columns")
    biases = sorted(name for name, shape in shapes.items() if shape == (rows,) and name.endswith("bias"))
    return VocabularyTensors(inputs[0], heads[0] if heads else None, tuple(biases))


def _unrecognized(config: Mapping[str, Any], reason: str) -> CheckpointError:
    known = ", ".join(name for layout in LAYOUTS for name in layout.model_types)
    return CheckpointError(
        f"The embedding of model type {config.get('model_type')!r} cannot be found: {reason}. Known types: {known}."
    )


def _check_rows(found: VocabularyTensors, shapes: Shapes, configured: int | None) -> None:
    rows = configured or shapes[found.input][0]
    for name in found.names:
        shape = shapes[name]
        if len(shape) != (1 if name in found.biases else 2) or shape[0] != rows:
            raise CheckpointError(
                f"Tensor {name} has shape {shape}, but the vocabulary has {rows} rows"
                f"{' by config.json' if configured else ''}."
            )
