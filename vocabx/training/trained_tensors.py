"""What a stage trains, as tensors: taken from its Trainer, and put into a model that is prepared alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vocabx.core.errors import TrainingError

__all__ = ["TRAINED", "load_trained", "trained_tensors"]

TRAINED = "trained.safetensors"
"""In a saved state: the parameters that are trained; all else is in the model's directory."""


def trained_tensors(trainer: Any) -> dict[str, Any]:
    """Return what is trained, by name and on the CPU; of a model that is shared out, the first process has it whole."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    wanted = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        state = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    else:
        state = dict(model.named_parameters())
    return {name: state[name].detach().cpu().contiguous() for name in wanted if name in state}


def load_trained(model: Any, tensors: Mapping[str, Any]) -> None:
    """Put what was trained into a model that is prepared alike; raise `TrainingError` where it does not fit."""
    import torch

    parameters = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    fits = tensors.keys() == parameters.keys()
    if not fits or any(tensors[name].shape != parameter.shape for name, parameter in parameters.items()):
        raise TrainingError("The saved state is of a training of other parameters, and does not fit this model.")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[name])
