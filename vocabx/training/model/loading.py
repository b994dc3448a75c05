"""Load a model to train it, and know which stored tensor each of its parameters is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vocabx.checkpoint import Checkpoint, open_checkpoint
from vocabx.checkpoint.config import read_json
from vocabx.checkpoint.read import StoredTensor
from vocabx.core.arrays import Floats
from vocabx.core.errors import CheckpointError, InputError, MissingExtraError, first_line
from vocabx.eval.finetune.training import quiet
from vocabx.factorization.recoded import MODEL_CODE, RANK_SETTING, is_own_code, model_settings
from vocabx.training.settings import CAUSAL, MASKED

__all__ = ["Loaded", "check_objective", "load_model", "model_objective", "require_training", "stored_state"]

KINDS: Mapping[str, str] = {CAUSAL: "AutoModelForCausalLM", MASKED: "AutoModelForMaskedLM"}
WHAT: Mapping[str, str] = {CAUSAL: "a causal language model", MASKED: "a masked language model"}
CAUSAL_CLASSES = ("ForCausalLM", "LMHeadModel")
FLOATING = ("F16", "BF16", "F32", "F64")
UNUSED = ("pooler.", "seq_relationship.")
"""Parts that a masked model may lack, or have without using them."""
NUMBERS_AT_ONCE = 2**24


@dataclass(frozen=True)
class Loaded:
    """A model directory and its model in float32.

    Attributes
    ----------
    checkpoint : Checkpoint
    model : transformers model
    names : mapping of str to str
        For each stored tensor that the model has, its name in `stored_state`.
    """

    checkpoint: Checkpoint
    model: Any
    names: Mapping[str, str]


def require_training() -> None:
    """Import what training needs, or say how to get it."""
    try:
        import accelerate  # noqa: F401
        import peft  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Training", "train") from error


def model_objective(directory: Path) -> str:
    """Tell from the configuration what the model was trained to predict: the next token, or masked ones."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    settings = read_json(directory / "config.json")
    names = [str(name) for name in settings.get("architectures") or ()]
    if any(name.endswith(CAUSAL_CLASSES) for name in names):
        return CAUSAL
    return MASKED if settings.get("model_type") in MODEL_FOR_MASKED_LM_MAPPING_NAMES else CAUSAL


def check_objective(name: str, directory: Path, objective: str) -> None:
    """Raise `CheckpointError` where masked tokens are asked of a causal model whose architecture has no such class."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    settings = read_json(directory / "config.json")
    kind = str((settings.get("architectures") or ["of an unnamed class"])[0])
    has_masked = settings.get("model_type") in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    if objective == MASKED and not has_masked and RANK_SETTING not in settings:
        raise CheckpointError(f"{name} is a causal model ({kind}); leave out --objective masked (objective=).")


def load_model(directory: Path, objective: str) -> Loaded:
    """Load a model with its head in float32, from safetensors, with no code but transformers' and our own.

    Raises
    ------
    CheckpointError
        When it does not load whole, or when what transformers makes of a stored tensor cannot be written back.
    """
    checkpoint = open_checkpoint(directory)
    model, found = _open(directory, objective)
    absent = sorted(name for name in found["missing_keys"] if not any(part in name for part in UNUSED))
    if absent:
        raise CheckpointError(
            f"{directory} is not {WHAT[objective]}: of its head or its body, {absent[0]} is not in the weights. Give a "
            "model that is stored with its head, or choose another --objective (objective=)."
        )
    return Loaded(checkpoint, model, _match(checkpoint, model))


def _open(directory: Path, objective: str) -> tuple[Any, Mapping[str, Any]]:
    import torch

    settings, kind = read_json(directory / "config.json"), KINDS[objective]
    try:
        with quiet():
            opener, options = _opener(directory, settings, kind)
            model, found = opener.from_pretrained(
                str(directory),
                local_files_only=True,
                dtype=torch.float32,
                use_safetensors=True,
                output_loading_info=True,
                **options,
            )
    except InputError:
        raise
    except Exception as error:  # a damaged directory raises whatever the first confused function does
        reason = first_line(error)
        raise CheckpointError(f"{directory} cannot be opened as {WHAT[objective]}: {reason}") from error
    return model, found


def _opener(directory: Path, settings: Mapping[str, Any], kind: str) -> tuple[Any, dict[str, Any]]:
    """Return the class that loads it, and its options; code beside a model is run only if it is our own."""
    import transformers

    if RANK_SETTING not in settings:
        return getattr(transformers, kind), {"trust_remote_code": False}
    if not is_own_code(directory):
        raise CheckpointError(f"{directory / MODEL_CODE} is not there, or not what vocabx writes, and is not run.")
    if kind not in model_settings(settings[RANK_SETTING])["auto_map"]:
        raise CheckpointError(f"{directory} has factors as embeddings, and no class {kind}.")
    from vocabx.factorization import modeling_factorized

    config = transformers.AutoConfig.from_pretrained(str(directory), local_files_only=True, trust_remote_code=False)
    return getattr(modeling_factorized, f"Factorized{kind}"), {"config": config}


def stored_state(model: Any) -> dict[str, Any]:
    """Return a model's tensors under the names, and in the shapes, in which checkpoints hold them.

    Tensors that checkpoints hold in other pieces than the model, such as those of experts, are new objects.
    """
    state: dict[str, Any] = model.state_dict()
    try:
        from transformers.core_model_loading import revert_weight_conversion
    except ImportError:  # before transformers 5 nothing was converted
        return state
    return dict(revert_weight_conversion(model, state))


def _match(checkpoint: Checkpoint, model: Any) -> dict[str, str]:
    """Find each stored tensor in the model, and make sure that it is there with the numbers that are stored.

    What the model has no place for is left out; it stays as it is stored.
    """
    state, prefix = stored_state(model), f"{model.base_model_prefix}."
    names = dict[str, str]()
    for name, tensor in checkpoint.tensors.items():
        candidates = (name, f"{prefix}{name}", name.removeprefix(prefix))
        place = next((candidate for candidate in candidates if candidate in state), None)
        if place is None or tensor.entry.dtype not in FLOATING:
            continue
        if not _is_same(tensor, state[place]):
            raise CheckpointError(
                f"{checkpoint.directory}: transformers makes other numbers of {name} when it loads the model, so that "
                "what is trained could not be written back. Save the model with this version of transformers first."
            )
        names[name] = place
    _check_trained(checkpoint, model, state, names)
    return names


def _check_trained(checkpoint: Checkpoint, model: Any, state: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """Raise `CheckpointError` where a parameter has no place in the files."""
    placed = {state[place].data_ptr() for place in names.values()}
    lost = [
        name
        for name, tensor in state.items()
        if tensor.is_floating_point() and tensor.numel() and tensor.data_ptr() not in placed
    ]
    buffers = {name for name, _ in model.named_buffers()}
    lost = [name for name in lost if name not in buffers and not any(part in name for part in UNUSED)]
    if lost and checkpoint.tensors:
        raise CheckpointError(
            f"{checkpoint.directory}: no stored tensor is the model's {lost[0]}, so that what is trained of it could "
            "not be written back. Save the model with this version of transformers first."
        )


def _is_same(stored: StoredTensor, tensor: Any) -> bool:
    if tuple(size for size in tensor.shape if size != 1) != tuple(size for size in stored.entry.shape if size != 1):
        return False
    return all(np.array_equal(ours, theirs, equal_nan=True) for ours, theirs in _blocks(stored, tensor))


def _blocks(stored: StoredTensor, tensor: Any) -> Iterator[tuple[Floats, Floats]]:
    """Yield the numbers of both in float32, some at a time."""
    flat, loaded = stored.map().reshape(-1), tensor.detach().reshape(-1)
    with np.errstate(all="ignore"):
        for start in range(0, len(flat), NUMBERS_AT_ONCE):
            part = slice(start, start + NUMBERS_AT_ONCE)
            yield np.asarray(flat[part]).astype(np.float32), loaded[part].float().cpu().numpy()
