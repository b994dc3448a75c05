"""Adapters of low rank on the linear layers of a model, by PEFT: put in, and added to the weights they adapt."""

from __future__ import annotations

from typing import Any

from vocabx.core.errors import InputError, MissingExtraError
from vocabx.training.recipes.layers import text_parameters
from vocabx.training.recipes.recipe import Adapters

__all__ = ["add_adapters", "merge_adapters"]


def add_adapters(model: Any, adapters: Adapters, besides: tuple[Any, ...] = ()) -> list[Any]:
    """Put adapters on all linear layers, in place, and return their parameters.

    The model stays of its own class, so that its checkpoints hold all weights. The embedding, the head and the modules
    of `besides` have none.

    Raises
    ------
    MissingExtraError
        Without PEFT.
    InputError
        When the model has no linear layers.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise MissingExtraError("Training adapters", "train") from error
    excluded = {
        id(part)
        for module in (model.get_input_embeddings(), model.get_output_embeddings(), *besides)
        if module is not None
        for part in module.modules()
    }
    wanted, is_transposed = _linear_layers(model, excluded)
    if not wanted:
        raise InputError(f"This {type(model).__name__} has no linear layers to put adapters on.")
    before = {id(parameter) for parameter in model.parameters()}
    config = LoraConfig(
        r=adapters.rank,
        lora_alpha=adapters.alpha,
        lora_dropout=adapters.dropout,
        target_modules=wanted,
        fan_in_fan_out=is_transposed,
    )
    inject_adapter_in_model(config, model)
    return [parameter for parameter in model.parameters() if id(parameter) not in before]


def merge_adapters(model: Any) -> None:
    """Add what the adapters learned to the weights, and take them out; a model without them is left alone."""
    if not hasattr(model, "peft_config"):
        return
    from peft.tuners.lora import LoraLayer

    for name, module in list(model.named_modules()):
        if isinstance(module, LoraLayer):
            module.merge()
            parent, _, own = name.rpartition(".")
            setattr(model.get_submodule(parent), own, module.get_base_layer())
    del model.peft_config


def _linear_layers(model: Any, excluded: set[int]) -> tuple[list[str], bool]:
    """Name the linear layers that read text, and say whether their matrices are transposed, as GPT-2's are."""
    from torch.nn import Linear
    from transformers.pytorch_utils import Conv1D

    text = {id(parameter) for parameter in text_parameters(model)}
    found = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, Linear | Conv1D) and id(module) not in excluded and id(module.weight) in text
    }
    return list(found), any(isinstance(module, Conv1D) for module in found.values())
