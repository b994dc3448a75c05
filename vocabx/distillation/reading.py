"""Reading: states and scores of a batch, with no more of the model run than is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vocabx.core.arrays import Bools, Ints
from vocabx.training.recipes.layers import find_layers

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["read_states", "read_states_and_scores"]


class _DeepEnoughError(Exception):
    """Ends a pass through a model once the layer that was asked for has spoken."""


def read_states(model: Any, ids: Ints, mask: Bools, depth: int | None = None) -> Tensor:
    """Return the states of a batch, shape (B, L, D), in float32.

    Parameters
    ----------
    model : transformers model
    ids, mask : ndarray, shape (B, L)
        The mask says what is no padding.
    depth : int, optional
        After how many layers; no other is run. By default after the last, with the norm behind it.
    """
    if depth is None:
        last: Tensor = _body(model, ids, mask).last_hidden_state.float()
        return last
    found: list[Any] = []

    def stop(_module: Any, _inputs: Any, output: Any) -> None:
        found.append(output[0] if isinstance(output, tuple) else output)
        raise _DeepEnoughError

    hook = find_layers(model).blocks[depth - 1].register_forward_hook(stop)
    try:
        _body(model, ids, mask)
    except _DeepEnoughError:
        pass
    finally:
        hook.remove()
    states: Tensor = found[0].float()
    return states


def read_states_and_scores(model: Any, ids: Ints, mask: Bools, scored: Bools) -> tuple[Tensor, Tensor]:
    """Return last states (B, L, D), and scores (n, V) at the n places that `scored` marks, both in float32."""
    import torch

    places = torch.from_numpy(scored).to(model.device)
    found: list[Any] = []

    def keep(_module: Any, _inputs: Any, output: Any) -> Any:
        # Scores of all places, padding among them, would be the largest thing in memory.
        found.append(output.last_hidden_state)
        output.last_hidden_state = output.last_hidden_state[places][None]
        return output

    hook = model.base_model.register_forward_hook(keep)
    try:
        output = model(**_inputs(model, ids, mask), use_cache=False, return_dict=True)
    finally:
        hook.remove()
    return found[0].float(), output.logits[0].float()


def _body(model: Any, ids: Ints, mask: Bools) -> Any:
    return model.base_model(**_inputs(model, ids, mask), return_dict=True)


def _inputs(model: Any, ids: Ints, mask: Bools) -> dict[str, Tensor]:
    import torch

    return {
        "input_ids": torch.from_numpy(ids).to(model.device),
        "attention_mask": torch.from_numpy(mask).to(model.device).long(),
    }
