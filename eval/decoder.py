"""Decoder: a causal language model and its tokenizer, read window by window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from safetensors import SafetensorError

from vocabx.core.arrays import Ragged
from vocabx.core.errors import CheckpointError, InputError, MissingExtraError
from vocabx.eval.windows import Window

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Decoder", "Start", "load_decoder", "require_torch"]

Start = Literal["bos", "eos", "uniform"]


def require_torch() -> ModuleType:
    """Import torch, or say how to get it."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("Measuring bits per byte", "torch") from error
    return torch


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
        if self.tokenizer.bos_token_id is not None:
            return "bos"
        return "uniform" if self.tokenizer.eos_token_id is None else "eos"

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
        first = [] if self.start == "uniform" else [getattr(self.tokenizer, f"{self.start}_token_id")]
        encoded = self.tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
        return Ragged.from_rows([first + ids for ids in encoded])

    def read(self, sequences: Ragged, windows: Sequence[Window]) -> Iterator[tuple[Window, Tensor, Tensor]]:
        """Yield each window with logits (n, vocabulary) in float32 for its n scored tokens, and their ids (n,)."""
        torch = require_torch()
        ids = torch.zeros(len(windows), max(map(len, windows)), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, window in enumerate(windows):
            ids[row, : len(window)] = torch.from_numpy(sequences[window.sequence][window.begin : window.end])
            mask[row, : len(window)] = 1
        ids, mask = ids.to(self.model.device), mask.to(self.model.device)
        with torch.inference_mode():
            logits = self.model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        for row, window in enumerate(windows):
            scored = slice(window.scored - window.begin, len(window))
            yield window, logits[row, scored.start - 1 : scored.stop - 1].float(), ids[row, scored]


def load_decoder(directory: Path, *, dtype: str = "float32", device: str | None = None) -> Decoder:
    """Open a model directory; safetensors only, no remote code, on a GPU where there is one."""
    torch = require_torch()
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    try:
        if any("MaskedLM" in name for name in AutoConfig.from_pretrained(directory).architectures or ()):
            raise InputError(f"{directory} is a masked language model; only one that reads from left to right will do.")
        model = AutoModelForCausalLM.from_pretrained(directory, dtype=getattr(torch, dtype), use_safetensors=True)
        tokenizer = AutoTokenizer.from_pretrained(directory)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{directory} cannot be opened as a causal language model: {error}") from error
    place = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return Decoder(model.to(place).eval(), tokenizer)
