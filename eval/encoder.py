"""Encoder: a model that reads both ways and its tokenizer; what it makes of texts, and how it fills in a mask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError

from vocabx.core.arrays import Floats, Ints
from vocabx.core.errors import CheckpointError, InputError
from vocabx.eval.decoder import choose_device, choose_type, require_torch
from vocabx.eval.windows import batches_by_length

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Encoder", "around_text", "load_encoder", "load_masked_model"]

TOKENS_AT_ONCE = 2**13
"""Tokens in one batch, padding included."""
PROBES = ("a", "1", "\u4e00", ".")
"""Texts of which any tokenizer knows one."""


@dataclass(frozen=True)
class Encoder:
    """A loaded encoder, of the AutoModel or the AutoModelForMaskedLM kind, and the tokenizer that belongs to it."""

    model: Any
    tokenizer: Any

    @cached_property
    def around(self) -> tuple[list[int], list[int]]:
        """Ids that the tokenizer puts before and behind a text."""
        return around_text(self.tokenizer)

    @property
    def context(self) -> int | None:
        """The most tokens, special ones included, that the model reads at once, where its configuration says so."""
        limit = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        if not isinstance(limit, int) or limit <= 0:
            return None
        # RoBERTa and XLM-R count places from behind the one that means padding.
        padding = getattr(getattr(self.model.base_model, "embeddings", None), "padding_idx", None)
        return limit - (0 if padding is None else padding + 1)

    def room(self, window: int) -> int:
        """Return how many tokens of text fit into a window beside the special ones; it shrinks to the context."""
        room = min(window, self.context or window) - sum(map(len, self.around))
        if room < 1:
            raise InputError(f"A window of {window} tokens has no room for text beside the special tokens.")
        return room

    @property
    def mask(self) -> int:
        """Id of the mask token."""
        if self.tokenizer.mask_token_id is None:
            raise InputError("The tokenizer has no mask token, so nothing can be filled in.")
        return int(self.tokenizer.mask_token_id)

    def fill_in(self, rows: Sequence[Ints], places: Ints) -> Tensor:
        """Return logits (rows, vocabulary), in float32, of the one place in each row of ids."""
        torch = require_torch()
        ids, attention = self._pad(rows)
        lines, columns = torch.arange(len(rows)), torch.from_numpy(places)

        def keep_one(_module: Any, _inputs: Any, output: Any) -> Any:
            # Logits of all places would be as large as the vocabulary for each token of the batch.
            output.last_hidden_state = output.last_hidden_state[lines, columns][:, None]
            return output

        hook = self.model.base_model.register_forward_hook(keep_one)
        try:
            with torch.inference_mode():
                output = self.model(input_ids=ids, attention_mask=attention, return_dict=True)
        finally:
            hook.remove()
        logits: Tensor = output.logits[:, 0].float()
        return logits

    def embed(self, texts: Sequence[str], *, prefix: str = "", layer: int = -1) -> Floats:
        """Return the mean state of each text's tokens, special ones included, shape (texts, D).

        Parameters
        ----------
        texts : sequence of str
            What is longer than the context is cut off.
        prefix : str
            Put before each text: multilingual E5 asks for ``"query: "``.
        layer : int
            Whose output is taken: 0 is the embedding, 1 the first layer, -1 the last.
        """
        before, behind = self.around
        encoded = self.tokenizer([prefix + text for text in texts], add_special_tokens=False, verbose=False)
        room = self.room(self.context or 2**30)
        rows = [np.array([*before, *ids[:room], *behind], np.int64) for ids in encoded["input_ids"]]
        vectors = np.zeros((len(rows), self.model.config.get_text_config().hidden_size), np.float32)
        for batch, means in self._means(rows, layer):
            vectors[batch] = means
        return vectors

    def _means(self, rows: Sequence[Ints], layer: int) -> Iterator[tuple[Ints, Floats]]:
        torch = require_torch()
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        for batch in batches_by_length(lengths, TOKENS_AT_ONCE):
            ids, attention = self._pad([rows[row] for row in batch.tolist()])
            with torch.inference_mode():
                # The body alone: a head would compute logits that nobody asks for.
                output = self.model.base_model(
                    input_ids=ids, attention_mask=attention, output_hidden_states=True, return_dict=True
                )
            if not -len(output.hidden_states) <= layer < len(output.hidden_states):
                raise InputError(f"The model has {len(output.hidden_states) - 1} layers, and none has number {layer}.")
            weights = attention[:, :, None].float()
            means = (output.hidden_states[layer].float() * weights).sum(1) / weights.sum(1)
            yield batch, means.cpu().numpy()

    def _pad(self, rows: Sequence[Ints]) -> tuple[Tensor, Tensor]:
        torch = require_torch()
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        is_text = np.arange(lengths.max()) < lengths[:, None]
        ids = np.full(is_text.shape, self.tokenizer.pad_token_id or 0)
        ids[is_text] = np.concatenate(rows)
        device = self.model.device
        return torch.from_numpy(ids).to(device), torch.from_numpy(is_text.astype(np.int64)).to(device)


def around_text(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Return the ids that a tokenizer puts before and behind a text; `InputError` where it knows no plain character."""
    for probe in PROBES:
        found = tokenizer(probe, return_special_tokens_mask=True)
        is_text = [place for place, special in enumerate(found["special_tokens_mask"]) if not special]
        if is_text:
            ids = list(found["input_ids"])
            return ids[: is_text[0]], ids[is_text[-1] + 1 :]
    raise InputError("The tokenizer encodes no plain character, so nothing stands around a text.")


def load_encoder(directory: Path, *, dtype: str = "float32", device: str | None = None) -> Encoder:
    """Open a model directory for what it makes of texts; safetensors only, no remote code, on a GPU if there is one."""
    return _load(directory, "AutoModel", "an encoder", dtype, device)


def load_masked_model(directory: Path, *, dtype: str = "float32", device: str | None = None) -> Encoder:
    """Open a model directory with its masked-language head; one whose head is not in the file is refused."""
    return _load(directory, "AutoModelForMaskedLM", "a masked language model", dtype, device)


def _load(directory: Path, kind: str, what: str, dtype: str, device: str | None) -> Encoder:
    place, number_type = choose_device(device), choose_type(dtype)
    import transformers

    try:
        model, found = getattr(transformers, kind).from_pretrained(
            directory, dtype=number_type, use_safetensors=True, output_loading_info=True
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{directory} cannot be opened as {what}: {error}") from error
    # The library fills what a file lacks with random numbers and goes on.
    absent = sorted(name for name in found["missing_keys"] if "pooler." not in name)
    if absent:
        raise CheckpointError(f"{directory} is not {what}: {absent[0]} is not in its weights.")
    return Encoder(model.to(place).eval(), tokenizer)
