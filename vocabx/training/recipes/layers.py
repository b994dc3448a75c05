"""The layers of a model: the list of blocks that its text goes through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vocabx.core.errors import InputError

__all__ = ["Layers", "find_layers", "text_parameters"]


@dataclass(frozen=True, slots=True)
class Layers:
    """Blocks in the order in which text goes through them, and the name of their list, such as ``model.layers``."""

    name: str
    blocks: tuple[Any, ...]


def find_layers(model: Any) -> Layers:
    """Find the list of blocks by what it is, not by its name.

    Of the lists of modules in the part that reads text, those that lie in no other list count (a block of experts has
    one of its own). It is the one as long as the configuration says, else the longest; of equally long ones, the one
    with the most parameters.

    Raises
    ------
    InputError
        When there is none.
    """
    lists = [each for each in _outermost_lists(model, _text_part(model)) if _count(each.blocks)]
    if not lists:
        raise InputError(f"No list of layers was found in this {type(model).__name__}; choose a recipe without layers.")
    said = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    return max(lists, key=lambda each: (len(each.blocks) == said, len(each.blocks), _count(each.blocks)))


def text_parameters(model: Any) -> list[Any]:
    """Return the parameters that take part in reading text; a model of text alone has no others."""
    text = _text_part(model)
    if text is model:
        return list(model.parameters())
    modules = [text, model.get_output_embeddings()]
    found = {id(each): each for module in modules if module is not None for each in module.parameters()}
    return list(found.values())


def _text_part(model: Any) -> Any:
    """Return the part that reads text; a model of several kinds of input describes that part by itself."""
    return model if model.config.get_text_config() is model.config else model.get_decoder()


def _outermost_lists(model: Any, part: Any) -> Iterator[Layers]:
    from torch.nn import ModuleList

    names = {id(module): name for name, module in model.named_modules()}
    waiting = [part]
    while waiting:
        for child in waiting.pop().children():
            if isinstance(child, ModuleList):
                yield Layers(names[id(child)], tuple(child))
            else:
                waiting.append(child)


def _count(blocks: tuple[Any, ...]) -> int:
    return sum(parameter.numel() for block in blocks for parameter in block.parameters())
