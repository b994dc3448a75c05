"""Weights after a stage: those that differ from the model's directory, in float32, so that a run can go on there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from vocabx.checkpoint.read import StoredTensor
from vocabx.core.errors import OutputError, TrainingError
from vocabx.training.model.loading import Loaded, stored_state

__all__ = ["load_weights", "save_weights"]


def save_weights(loaded: Loaded, model: Any, file: Path) -> None:
    """Write the parameters of a whole model that differ from those of the directory that it was loaded from.

    Raises
    ------
    OutputError
        When they cannot be written, as on a full disk.
    """
    from safetensors.torch import save_file

    state = stored_state(model)
    stored = {state[place].data_ptr(): loaded.checkpoint.tensors[name] for name, place in loaded.names.items()}
    tensors = {
        name: parameter.detach().cpu().contiguous()
        for name, parameter in model.named_parameters()
        if not _is_stored(stored, parameter)
    }
    staged = file.with_name(f"{file.name}.new")
    try:
        save_file(tensors, staged)
        staged.replace(file)
    except (OSError, SafetensorError) as error:
        staged.unlink(missing_ok=True)
        raise OutputError(f"{file} cannot be written: {error}. See whether the disk has room.") from error


def load_weights(model: Any, file: Path) -> None:
    """Put what `save_weights` wrote into a model that was loaded from the same directory.

    Raises
    ------
    TrainingError
        When the file is damaged.
    """
    import torch
    from safetensors.torch import load_file

    try:
        tensors = load_file(file)
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"{file} is damaged: {error}. Remove {file.parent} to begin anew.") from error
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, tensor in tensors.items():
            parameters[name].copy_(tensor)


def _is_stored(stored: Mapping[int, StoredTensor], parameter: Any) -> bool:
    # What is stored in other pieces has no tensor of its own here, and is kept whole.
    found = stored.get(parameter.data_ptr())
    if found is None:
        return False
    numbers = np.asarray(found.map().reshape(-1)).astype(np.float32)
    return np.array_equal(numbers, parameter.detach().reshape(-1).float().cpu().numpy(), equal_nan=True)
