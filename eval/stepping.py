"""Stepping: a causal model writes or reads given ids, as generation would, and is timed."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from vocabx.core.arrays import Ragged
from vocabx.eval.decoder import Decoder, require_torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["choose_step_by_step", "pad_at_end", "read_at_once", "timed"]


def choose_step_by_step(decoder: Decoder, ids: Tensor) -> Tensor:
    """Return what the model would choose after each token, shape (texts, tokens - 1), reading one token per step.

    This is the work of generation, cache and choice included, but what is read next is the given text and not the
    choice, so that models with different vocabularies produce the same characters.

    Parameters
    ----------
    decoder : Decoder
    ids : Tensor of int64, shape (texts, tokens)
        Padded at the end, which needs no mask: no token looks at what comes after it.
    """
    torch = require_torch()
    cache, chosen = None, []
    with torch.inference_mode():
        for step in range(ids.shape[1] - 1):
            output = decoder.model(input_ids=ids[:, step : step + 1], past_key_values=cache, use_cache=True)
            cache = output.past_key_values
            chosen.append(output.logits[:, -1].argmax(dim=-1))
    choices: Tensor = torch.stack(chosen, dim=1)
    return choices


def read_at_once(decoder: Decoder, ids: Tensor) -> Any:
    """Return the output of the model for whole texts, with its cache and the logits of the last position alone."""
    # Generation needs no other logits of a prompt; a few models always compute them all.
    known = inspect.signature(decoder.model.forward).parameters
    only_last = {"logits_to_keep": 1} if "logits_to_keep" in known else {}
    with require_torch().inference_mode():
        return decoder.model(input_ids=ids, use_cache=True, **only_last)


def timed(decoder: Decoder, run: Callable[[Decoder, Tensor], Any], ids: Tensor) -> float:
    """Return the seconds that a run takes, until the device has finished it."""
    _wait(decoder)
    start = time.perf_counter()
    run(decoder, ids)
    _wait(decoder)
    return time.perf_counter() - start


def _wait(decoder: Decoder) -> None:
    # A GPU is given work ahead of time; without waiting only the giving would be measured.
    if decoder.model.device.type != "cpu":
        require_torch().accelerator.synchronize(decoder.model.device)


def pad_at_end(decoder: Decoder, sequences: Ragged, chosen: Sequence[int]) -> Tensor:
    """Return some sequences on the model's device, shape (chosen, longest of them), with zeros at the end."""
    torch = require_torch()
    ids = torch.zeros(len(chosen), max(len(sequences[index]) for index in chosen), dtype=torch.long)
    for row, index in enumerate(chosen):
        ids[row, : len(sequences[index])] = torch.from_numpy(sequences[index])
    placed: Tensor = ids.to(decoder.model.device)
    return placed
