"""Models that cannot be changed in place, as a table, with what to do instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from vocabx.core.errors import CheckpointError, InputError, MissingExtraError

if TYPE_CHECKING:
    import torch

__all__ = ["check_model", "check_tensor", "without_compilation"]


def check_model(model: Any) -> None:
    """Raise unless the model's own parameters are all here, whole and unwrapped.

    Raises
    ------
    MissingExtraError
        Without torch.
    CheckpointError
        With what the model is and what to do.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("Changing a loaded model", "torch") from error
    if not isinstance(model, torch.nn.Module):
        raise InputError(f"A model of transformers is needed, not a {type(model).__name__}.")
    for is_so, told in REFUSALS:
        if is_so(model):
            raise CheckpointError(told)
    if not hasattr(model, "get_input_embeddings") or not hasattr(model, "config"):
        raise InputError(f"A model of transformers is needed, not a {type(model).__name__}.")


def without_compilation(model: Any) -> Any:
    """Return the model that `torch.compile` wraps: it is what changes, and it is compiled again when it is used."""
    return model._orig_mod if type(model).__name__ == "OptimizedModule" else model


def check_tensor(name: str, tensor: torch.Tensor, model: Any) -> None:
    """Raise `CheckpointError` unless a tensor of the vocabulary has values that rows can be made of."""
    import torch

    if tensor.is_meta and _is_offloaded(model):
        raise CheckpointError(
            f"{name} is offloaded by accelerate; load the model with the embeddings on a device (device_map), or "
            "change its directory."
        )
    if tensor.is_meta:
        raise CheckpointError("The model has no weights yet (it is on the meta device); load them before this.")
    if type(tensor.data) is not torch.Tensor:
        raise CheckpointError(
            f"{name} is a {type(tensor.data).__name__}, not a plain tensor; load the model without it, and change it "
            "before it is converted."
        )
    if tensor.dtype not in (torch.bfloat16, torch.float16, torch.float32, torch.float64):
        raise CheckpointError(
            f"The embeddings are stored as {tensor.dtype}; load the model in bfloat16, float16 or float32."
        )


def _classes(model: Any) -> Iterator[type]:
    """Yield every class that a module of the model is made of."""
    return (kind for module_class in {type(module) for module in model.modules()} for kind in module_class.__mro__)


def _comes_from(package: str) -> Callable[[Any], bool]:
    return lambda model: any(kind.__module__.split(".")[0] == package for kind in _classes(model))


def _has_class(*names: str) -> Callable[[Any], bool]:
    return lambda model: any(kind.__name__ in names for kind in _classes(model))


def _has_parameter(is_so: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda model: any(is_so(parameter) for parameter in model.parameters())


def _is_distributed(parameter: Any) -> bool:
    return any(kind.__name__ == "DTensor" for kind in (*type(parameter).__mro__, *type(parameter.data).__mro__))


def _is_quantised(model: Any) -> bool:
    settings = getattr(getattr(model, "config", None), "quantization_config", None)
    return bool(getattr(model, "is_quantized", False) or getattr(model, "hf_quantizer", None) or settings)


def _is_offloaded(model: Any) -> bool:
    return any(getattr(getattr(module, "_hf_hook", None), "offload", False) for module in model.modules())


REFUSALS: tuple[tuple[Callable[[Any], bool], str], ...] = (
    (
        _comes_from("peft"),
        "The model has adapters of PEFT; change the base model first, and put the adapters on afterwards.",
    ),
    (
        _comes_from("deepspeed"),
        "The model is wrapped by DeepSpeed; change it first, and call deepspeed.initialize afterwards.",
    ),
    (
        _has_parameter(lambda parameter: hasattr(parameter, "ds_id")),
        "The parameters are partitioned by DeepSpeed ZeRO-3; change the model's directory, and load the result.",
    ),
    (
        _has_class("FullyShardedDataParallel"),
        "The model is wrapped by FSDP, which flattens parameters; change it first, and wrap it afterwards.",
    ),
    (
        _has_parameter(_is_distributed),
        "The parameters are split over processes (DTensor); change the model before fully_shard or a tp_plan, or "
        "change its directory.",
    ),
    (
        _has_class("DistributedDataParallel", "DataParallel"),
        "The model is wrapped for several devices; change it first, and wrap it afterwards.",
    ),
    (_is_quantised, "The model is quantised; change the unquantised model, and quantise the result."),
)
"""Whether a model is so, and what is said then."""
