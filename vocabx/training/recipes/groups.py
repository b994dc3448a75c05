"""Groups of parameters: the names that recipes use, and what each is of a model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from vocabx.core.errors import InputError, UnknownNameError
from vocabx.training.recipes.layers import Layers, find_layers, text_parameters

__all__ = ["ADAPTERS", "GROUPS", "NEW_ROWS", "WITH_OLD_ROWS", "Chosen", "check_group", "choose"]

ADAPTERS = "adapters"
NEW_INPUT_ROWS, NEW_HEAD_ROWS = "new-input-rows", "new-head-rows"
NEW_ROWS = frozenset({NEW_INPUT_ROWS, NEW_HEAD_ROWS})
WITH_OLD_ROWS = frozenset({"input", "head", "outside-layers", "everything"})
"""Groups that hold old rows, so that a recipe with one of them does not keep these."""

GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "input": "the input embedding, all rows",
        "head": "the output head, all rows, and its bias; where it is tied, the input embedding",
        NEW_INPUT_ROWS: "the new rows of the input embedding",
        NEW_HEAD_ROWS: "the new rows of the output head, and the new entries of its bias",
        "layers": "all layers",
        "odd-layers": "layers 1, 3, 5, ...",
        "even-layers": "layers 0, 2, 4, ...",
        "first-layers-N": "the first N layers, such as first-layers-2",
        "last-layers-N": "the last N layers",
        "outside-layers": "what is in no layer: embeddings, head, norms",
        "everything": "all that reads text",
        ADAPTERS: "adapters (LoRA) on all linear layers but the head",
    }
)
"""What each name stands for; N is any number from 1."""

ENDS = re.compile(r"(first|last)-layers-([1-9][0-9]*)")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What of a model is trained, by the names of its parameters; a shared one goes by its first name.

    Attributes
    ----------
    whole : frozenset of str
        Parameters that are trained whole.
    entries : frozenset of str
        Parameters of which only the entries of new tokens are trained.
    adapters : bool
        Whether there are adapters besides.
    """

    whole: frozenset[str]
    entries: frozenset[str]
    adapters: bool


def check_group(name: str) -> None:
    """Raise `UnknownNameError` unless it is the name of a group.

    >>> check_group("first-layers-2")
    >>> check_group("odd")
    Traceback (most recent call last):
        ...
    vocabx.core.errors.UnknownNameError: There is no group of parameters called 'odd'. Known: adapters, even-layers, ...
    """
    if name.endswith("-N") or (name not in GROUPS and not ENDS.fullmatch(name)):
        raise UnknownNameError("group of parameters", name, GROUPS)


def choose(model: Any, groups: Iterable[str]) -> Chosen:
    """Find what the groups are of a model.

    Parameters
    ----------
    model : PreTrainedModel
        A causal or masked language model as transformers loads it.
    groups : iterable of str
        Names out of `GROUPS`; their union is meant. Where a matrix is trained whole, its new rows are part of it.

    Raises
    ------
    InputError
        When the model lacks what a group names: layers, or a head.
    """
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    whole: set[int] = set()
    entries: set[int] = set()
    adapters = False
    for group in groups:
        check_group(group)
        if group == ADAPTERS:
            adapters = True
        elif group in NEW_ROWS:
            entries |= {id(parameter) for parameter in _with_entries(model, group)}
        else:
            whole |= {id(parameter) for parameter in _whole(model, group)}
    return Chosen(
        frozenset(names[each] for each in whole), frozenset(names[each] for each in entries - whole), adapters
    )


def _head(model: Any) -> Any:
    head = model.get_output_embeddings()
    if head is None:
        raise InputError(f"A {type(model).__name__} has no output head to train; load it with one.")
    return head


def _with_entries(model: Any, group: str) -> list[Any]:
    """Return the parameters with an entry for each token, of the input or of the head."""
    module = model.get_input_embeddings() if group == NEW_INPUT_ROWS else _head(model)
    return [each for each in (module.weight, getattr(module, "bias", None)) if each is not None]


def _whole(model: Any, group: str) -> list[Any]:
    if group == "input":
        return list(model.get_input_embeddings().parameters())
    if group == "head":
        return list(_head(model).parameters())
    text = text_parameters(model)
    if group == "everything":
        return text
    layers = find_layers(model)
    if group == "outside-layers":
        inside = {id(parameter) for layer in layers.blocks for parameter in layer.parameters()}
        return [parameter for parameter in text if id(parameter) not in inside]
    return [parameter for layer in _layers_of(model, layers, group) for parameter in layer.parameters()]


def _layers_of(model: Any, layers: Layers, group: str) -> list[Any]:
    """Return the layers that a group names, or say that the model lacks them."""
    blocks, end = list(layers.blocks), ENDS.fullmatch(group)
    wanted = int(end[2]) if end else 0
    if end:
        found = blocks[:wanted] if end[1] == "first" else blocks[-wanted:]
    else:
        found = {"layers": blocks, "odd-layers": blocks[1::2], "even-layers": blocks[::2]}[group]
    if not found or len(found) < wanted:
        count = "1 layer" if len(blocks) == 1 else f"{len(blocks)} layers"
        raise InputError(
            f"The recipe trains {group}, but this {type(model).__name__} has {count} ({layers.name}); choose another "
            "recipe."
        )
    return found
