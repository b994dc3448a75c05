"""An optimizer that goes on with the resized parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from vocabx.core.errors import InputError
from vocabx.core.plan import Plan

if TYPE_CHECKING:
    import torch

__all__ = ["prepare_optimizer"]

Step = Callable[[], None]


def prepare_optimizer(
    optimizer: torch.optim.Optimizer, pairs: Sequence[tuple[torch.Tensor, torch.Tensor]], plan: Plan
) -> Iterator[Step]:
    """Yield what puts the resized parameters into an optimizer, with what it knows of the kept rows.

    State tensors with one row per token (Adam's moments, momentum, Adafactor's row factors) keep the rows of kept ids
    and are zero in all others; whatever else is known of a parameter, such as the count of steps, stays.

    Raises
    ------
    InputError
        When the optimizer holds none of the parameters, or keeps state that has no rows, such as 8-bit state.
    """
    import torch

    if not isinstance(optimizer, torch.optim.Optimizer):
        raise InputError(f"An optimizer of torch is needed, not a {type(optimizer).__name__}.")
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    ours = [(old, new) for old, new in pairs if id(old) in held]
    if not ours:
        raise InputError(
            "The optimizer holds none of the parameters with a row per token; it was made for another model, or before "
            "they were last replaced. Leave it out, and make it afterwards."
        )
    states = {id(old): _resized_state(optimizer.state.get(old, {}), old, plan) for old, _ in ours}
    replaced = {id(old): new for old, new in ours}
    for group in optimizer.param_groups:
        yield partial(_set, group, "params", [replaced.get(id(parameter), parameter) for parameter in group["params"]])
    for old, new in ours:
        if old in optimizer.state:
            yield partial(_move, optimizer.state, old, new, states[id(old)])


def _resized_state(state: dict[str, Any], parameter: torch.Tensor, plan: Plan) -> dict[str, Any]:
    import torch

    resized = {}
    for name, value in state.items():
        has_rows = isinstance(value, torch.Tensor) and value.dim() and value.shape[0] == parameter.shape[0]
        if has_rows and not value.is_floating_point():
            raise InputError(
                f"The optimizer keeps {name} as {value.dtype}, from which no rows can be taken. Leave it out, and make "
                "it afterwards."
            )
        resized[name] = _resized(value, plan) if has_rows else value
    return resized


def _resized(value: torch.Tensor, plan: Plan) -> torch.Tensor:
    import torch

    rows = value.new_zeros((plan.rows_after, *value.shape[1:]))
    places, origins = (torch.from_numpy(ids).to(value.device) for ids in (plan.kept_ids, plan.origins[plan.kept_ids]))
    rows[places] = value[origins]
    return rows


def _set(group: dict[str, Any], name: str, value: object) -> None:
    group[name] = value


def _move(states: Any, old: torch.Tensor, new: torch.Tensor, state: dict[str, Any]) -> None:
    del states[old]
    states[new] = state
