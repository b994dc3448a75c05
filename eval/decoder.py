"""Decoder: a causal language model and its tokenizer, read window by window."""

from __future__ import annotations

import timeit
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from safetensors import SafetensorError

from vocabx.core.arrays import Ints, Ragged
from vocabx.core.errors import CheckpointError, InputError, MissingExtraError, UnknownNameError
from vocabx.core.say import Say
from vocabx.eval.windows import Window

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "TYPES",
    "Decoder",
    "Start",
    "advise_on_type",
    "choose_device",
    "choose_type",
    "load_decoder",
    "require_torch",
    "start_of_text",
]

Start = Literal["bos", "eos", "uniform"]
TYPES = ("float32", "bfloat16", "float16")
"""Types to compute in."""
SIDE, CLEARLY_SLOWER = 256, 3
"""Of the matrices by which types are compared, and from how many times on it is said."""


def require_torch() -> ModuleType:
    """Import torch, or say how to get it."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("Running a model", "torch") from error
    return torch


def choose_device(name: str | None) -> str:
    """Return where to run: what was asked for, or a GPU where there is one; raise `InputError` where it is absent."""
    torch = require_torch()
    place = name or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(0, device=place)
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        there = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
        raise InputError(f"There is no device {place!r} to run on. There is: {', '.join(there)}.") from error
    return place


def choose_type(name: str) -> Any:
    """Return the torch type of a name in `TYPES`."""
    if name not in TYPES:
        raise UnknownNameError("type to compute in", name, TYPES)
    return getattr(require_torch(), name)


def advise_on_type(name: str, device: str | None, say: Say) -> None:
    """Say so where a processor has no instructions for a type, and is far slower in it than in float32."""
    if name == "float32" or choose_device(device) != "cpu":
        return
    torch = require_torch()

    def seconds(kind: Any) -> float:
        matrix = torch.ones(SIDE, SIDE, dtype=kind)
        return min(timeit.repeat(lambda: matrix @ matrix, number=1, repeat=3))

    slower = seconds(choose_type(name)) / seconds(torch.float32)
    if slower > CLEARLY_SLOWER:
        say(f"This processor is about {slower:.0f} times slower in {name} than in float32: leave out --dtype {name}")


def start_of_text(tokenizer: Any) -> list[int]:
    """Return the id that each document starts with, or none; see `Decoder.start`."""
    start = _start(tokenizer)
    return [] if start == "uniform" else [int(getattr(tokenizer, f"{start}_token_id"))]


def _start(tokenizer: Any) -> Start:
    if tokenizer.bos_token_id is not None:
        return "bos"
    return "uniform" if tokenizer.eos_token_id is None else "eos"


@dataclass(frozen=True)
class Decoder:
    """A loaded model of the AutoModelForCausalLM kind and the tokenizer that belongs to it."""

    model: Any
    tokenizer: Any

    @cached_property
    def start(self) -> Start:
        """What each document starts with, so that its first token is predicted too.

        The tokenizer's BOS; without one its EOS, which in training stood between documents; without either nothing,
        and then the first token counts as drawn from the whole vocabulary with equal chances.
        """
        return _start(self.tokenizer)

    @property
    def vocabulary(self) -> int:
        """Rows of the output head."""
        return int(self.model.get_output_embeddings().weight.shape[0])

    @property
    def context(self) -> int | None:
        """The most tokens that the model reads at once, where its configuration says so."""
        limit = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        return limit if isinstance(limit, int) and limit > 0 else None

    def fit(self, window: int, stride: int) -> tuple[int, int]:
        """Shrink a window to the context, and the stride to half of it."""
        if self.context is None or window <= self.context:
            return window, stride
        return self.context, min(stride, self.context // 2)

    def encode(self, texts: Sequence[str]) -> Ragged:
        """Return the ids of each text, after the start token if there is one."""
        first = start_of_text(self.tokenizer)
        encoded = self.tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
        return Ragged.from_rows([first + ids for ids in encoded])

    def read(self, sequences: Ragged, windows: Sequence[Window]) -> Iterator[tuple[Window, Tensor, Tensor]]:
        """Yield each window with logits (n, vocabulary) in float32 for its n scored tokens, and their ids (n,).

        Padding stands behind the tokens, whatever side the tokenizer would pad, and no token reads what is behind it.
        """
        torch = require_torch()
        ids = np.zeros((len(windows), max(map(len, windows))), np.int64)
        mask = np.zeros_like(ids)
        for row, window in enumerate(windows):
            ids[row, : len(window)] = sequences[window.sequence][window.begin : window.end]
            mask[row, : len(window)] = 1
        counts = [window.end - window.scored for window in windows]
        rows = np.repeat(np.arange(len(windows)), counts)
        columns = np.concatenate([np.arange(w.scored - w.begin, len(w)) for w in windows])
        wanted = torch.from_numpy(ids[rows, columns]).to(self.model.device)
        logits = self._logits(ids, mask, rows, columns - 1)
        ends = np.cumsum(counts).tolist()
        for window, end, count in zip(windows, ends, counts, strict=True):
            yield window, logits[end - count : end], wanted[end - count : end]

    def _logits(self, ids: Ints, mask: Ints, rows: Ints, columns: Ints) -> Tensor:
        """Return logits (n, vocabulary) at n places of a batch; the head reads no other place."""
        torch = require_torch()
        device = self.model.device
        places = torch.from_numpy(rows).to(device), torch.from_numpy(columns).to(device)

        def keep_places(_module: Any, _inputs: Any, output: Any) -> Any:
            # Logits of padding, and of what a window before this one scored, would be as large as the others.
            if hasattr(output, "last_hidden_state"):
                output.last_hidden_state = output.last_hidden_state[places][None]
            return output

        hook = self.model.base_model.register_forward_hook(keep_places)
        try:
            with torch.inference_mode():
                tensors = (torch.from_numpy(part).to(device) for part in (ids, mask))
                read = dict(zip(("input_ids", "attention_mask"), tensors, strict=True))
                logits: Tensor = self.model(**read, use_cache=False, return_dict=True).logits
        finally:
            hook.remove()
        # A model whose body gives something else than states has computed all logits.
        chosen = logits[0] if logits.shape[:2] == (1, len(rows)) else logits[places]
        return chosen.float()


def load_decoder(directory: Path, *, dtype: str = "float32", device: str | None = None) -> Decoder:
    """Open a model directory; safetensors only, no remote code, on a GPU where there is one."""
    place, kind = choose_device(device), choose_type(dtype)
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    try:
        if any("MaskedLM" in name for name in AutoConfig.from_pretrained(directory).architectures or ()):
            raise InputError(f"{directory} is a masked language model; only one that reads from left to right will do.")
        model, found = AutoModelForCausalLM.from_pretrained(
            directory, dtype=kind, use_safetensors=True, output_loading_info=True
        )
        tokenizer = AutoTokenizer.from_pretrained(directory)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{directory} cannot be opened as a causal language model: {error}") from error
    # The library fills what a file lacks with random numbers and goes on; so it opens an encoder, with a random head.
    if absent := sorted(found["missing_keys"]):
        raise CheckpointError(f"{directory} is no causal language model: {absent[0]} is not in its weights.")
    return Decoder(model.to(place).eval(), tokenizer)
