"""Find the tensors of one model that have one row per token, by its layout or by their shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from vocabx.checkpoint.config import vocabulary_size
from vocabx.checkpoint.families.layouts import Layout, check_family, find_layout, known_types
from vocabx.core.errors import CheckpointError

__all__ = ["VocabularyTensors", "locate_vocabulary"]

Shapes = Mapping[str, tuple[int, ...]]

HEAD_WORDS = ("head", "output", "embed_out")
INPUT_WORDS = ("embed", "wte", "shared")
PER_LAYER = "embed_tokens_per_layer"
OTHER_HEAD = "shared_head.head.weight"
"""What layers that predict further tokens call the head when they store it again."""


@dataclass(frozen=True, slots=True)
class VocabularyTensors:
    """Names of the stored tensors that have one row per token.

    `tables` are those that are neither input, head nor bias. By name alone it cannot be told whether they have rows of
    their own or are copies of the input or the head.
    """

    input: str
    head: str | None
    biases: tuple[str, ...]
    tables: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return (self.input, *((self.head,) if self.head else ()), *self.biases, *self.tables)


def locate_vocabulary(config: Mapping[str, Any], shapes: Shapes) -> VocabularyTensors:
    """Name the input embedding, the output head, the output biases and what else has a row per token.

    A bias may be stored as one row with a column per token.

    Raises
    ------
    CheckpointError
        When models of this type are refused, when the tensors are not found or not told apart, or when their sizes
        contradict config.json.
    """
    check_family(config)
    layout = find_layout(config)
    per_layer = [name for name in shapes if PER_LAYER in name and not name.endswith(layout.tables if layout else ())]
    if per_layer:
        raise CheckpointError(
            f"Every layer of this model has an embedding table of its own ({per_layer[0]}), where new tokens would "
            "have no row. Give reserved tokens a new meaning instead of adding ids."
        )
    found = _by_layout(layout, shapes) if layout else _by_shape(config, shapes)
    _check_rows(found, shapes, vocabulary_size(config))
    return found


def _by_layout(layout: Layout, shapes: Shapes) -> VocabularyTensors:
    names = [name for name in shapes if name.startswith(layout.within)]
    heads = _ending(layout.heads, names)
    # A tied model may store the shared matrix under a copy's or the head's name only.
    inputs = [*_ending((layout.input,), names), *_ending(layout.copies, names)] or heads
    if not inputs:
        raise CheckpointError(
            f"The checkpoint of this {layout.model_types[0]} model holds no input embedding: no tensor is called "
            f"{layout.input}, with or without something before it."
        )
    biases = _ending(layout.biases, names)
    stored, head = inputs[0], next((name for name in heads if name != inputs[0]), None)
    others = [*inputs, *heads, *_ending((*layout.tables, OTHER_HEAD), names)]
    further = dict.fromkeys(name for name in others if name not in (stored, head))
    return VocabularyTensors(stored, head, tuple(biases), tuple(further))


def _ending(suffixes: Iterable[str], names: Iterable[str]) -> list[str]:
    """Return the names that end so, the first suffix first and of its names the least nested, which is the model's."""
    found = list[str]()
    for suffix in suffixes:
        matches = [name for name in names if name == suffix or name.endswith(f".{suffix}")]
        matches.sort(key=lambda name: name.count("."))
        if len(matches) > 1 and matches[0].count(".") == matches[1].count("."):
            raise CheckpointError(
                f"Several tensors could be {suffix}: {', '.join(sorted(matches))}. Keep one in the checkpoint."
            )
        found += matches
    return list(dict.fromkeys(found))


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
    return CheckpointError(
        f"The embedding of model type {config.get('model_type')!r} cannot be found: {reason}. Known types: "
        f"{', '.join(known_types())}."
    )


def _check_rows(found: VocabularyTensors, shapes: Shapes, configured: int | None) -> None:
    rows = configured or shapes[found.input][0]
    for name in found.names:
        shape = shapes[name]
        is_row = name in found.biases and shape == (1, rows)
        if not is_row and (len(shape) != (1 if name in found.biases else 2) or shape[0] != rows):
            raise CheckpointError(
                f"Tensor {name} has shape {shape}, but the vocabulary has {rows} rows"
                f"{' by config.json' if configured else ''}."
            )
