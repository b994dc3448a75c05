"""Separation: how a model is told which tokens of a packed sequence are of one document."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from vocabx.core.arrays import Ints
from vocabx.eval.decoder import require_torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PackedCollator", "Separation", "find_separation"]

LENGTH, CUTS = 12, (5, 8)
"""Of the sequences that are tried, and where the second document of each begins."""
NEGLIGIBLE = 1e-5
"""Of what a document does to the next one where nothing parts them: rounding may leave less than that."""


class Separation(StrEnum):
    """How documents are kept apart."""

    POSITIONS = "positions"  # positions that begin again are enough
    ROW = "row"  # so they are if the batch is one row: flash attention
    MASK = "mask"  # a mask for each pair of tokens
    NONE = "none"  # not at all


@dataclass(frozen=True, slots=True)
class PackedCollator:
    """Makes the batches that a model is given of packed sequences.

    Attributes
    ----------
    separation : Separation
    takes_positions : bool
        Whether the model has an argument of that name.
    dtype : torch.dtype, optional
        Of the mask, where there is one: that of the model.
    """

    separation: Separation
    takes_positions: bool = True
    dtype: Any = None

    def __call__(self, sequences: Sequence[Mapping[str, Ints]]) -> dict[str, Tensor]:
        """Return one batch of tensors, as the model's arguments."""
        torch = require_torch()
        batch = {name: torch.from_numpy(np.stack([each[name] for each in sequences])) for name in sequences[0]}
        if self.separation is Separation.MASK:
            batch["attention_mask"] = _pair_mask(batch["position_ids"], self.dtype or torch.float32)
        if self.separation is Separation.ROW:
            batch = {name: values.reshape(1, -1) for name, values in batch.items()}
        if not self.takes_positions:
            del batch["position_ids"]
        return batch

    @property
    def note(self) -> str | None:
        """What a reader of the numbers must know."""
        if self.separation is not Separation.NONE:
            return None
        return "The model has no way to keep the documents of one sequence apart: each is read after those before it."


def find_separation(model: Any) -> PackedCollator:
    """Try which way keeps documents apart in a loaded causal model, and return what makes such batches.

    transformers finds packed documents in positions that begin again, if there is no mask and no cache, but not in
    all architectures, and with flash attention only in a batch of one row. So the model is given two documents in one
    sequence, and then another first one: what it says of the second must not change.
    """
    takes_positions = "position_ids" in inspect.signature(model.forward).parameters
    joined = PackedCollator(Separation.NONE, takes_positions=False)
    with _at_rest(model):
        unparted = _influence(model, joined)
        for separation in (Separation.POSITIONS, Separation.ROW, Separation.MASK):
            if separation is not Separation.MASK and not takes_positions:
                continue
            collator = PackedCollator(separation, takes_positions, model.dtype)
            try:
                influence = _influence(model, collator)
            # A model that cannot read such a batch says so in its own way.
            except (AssertionError, IndexError, NotImplementedError, RuntimeError, TypeError, ValueError):
                continue
            if influence <= NEGLIGIBLE * unparted:
                return collator
    return PackedCollator(Separation.NONE, takes_positions)


@contextmanager
def _at_rest(model: Any) -> Iterator[None]:
    """Turn dropout off for a while."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def _influence(model: Any, collator: PackedCollator) -> float:
    """Return how far logits of second documents move when the first ones are others."""
    torch = require_torch()
    vocabulary = model.get_input_embeddings().weight.shape[0]
    drawn = np.random.default_rng(0).integers(vocabulary, size=(3, len(CUTS), LENGTH))
    found = []
    for first in drawn[:2]:
        sequences = [_sequence(first[row], drawn[2, row], cut) for row, cut in enumerate(CUTS)]
        batch = {name: values.to(model.device) for name, values in collator(sequences).items() if name != "labels"}
        with torch.no_grad():
            logits = model(**batch, use_cache=False).logits.float().reshape(len(CUTS), LENGTH, -1)
        found.append(torch.cat([logits[row, cut:] for row, cut in enumerate(CUTS)]))
    return float((found[0] - found[1]).abs().max())


def _sequence(first: Ints, second: Ints, cut: int) -> dict[str, Ints]:
    ids = np.concatenate([first[:cut], second[cut:]])
    positions = np.concatenate([np.arange(cut), np.arange(LENGTH - cut)])
    return {"input_ids": ids, "labels": ids, "position_ids": positions}


def _pair_mask(positions: Tensor, dtype: Any) -> Tensor:
    """Return what is added to attention scores, shape (sequences, 1, length, length).

    That is 0 where a token is of the same document and not behind, and minus infinity elsewhere.
    """
    torch = require_torch()
    documents = (positions == 0).cumsum(1)
    is_seen = (documents[:, :, None] == documents[:, None, :]).tril()
    mask: Tensor = torch.zeros(is_seen.shape, dtype=dtype).masked_fill(~is_seen, float("-inf"))[:, None]
    return mask
