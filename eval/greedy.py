"""Greedy flips: where two models would choose different next tokens for the same ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vocabx.core.arrays import Ragged
from vocabx.core.errors import InputError
from vocabx.eval.bits_per_byte import LOGITS_AT_ONCE
from vocabx.eval.decoder import Decoder, load_decoder, require_torch
from vocabx.eval.windows import batches_of_windows, sliding_windows

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["GreedyFlips", "compare_greedy", "count_flips", "greedy_flips"]


@dataclass(frozen=True, slots=True)
class GreedyFlips:
    """How often two models' likeliest tokens differ.

    Attributes
    ----------
    positions : int
        Predictions that were compared: one for every token of the texts.
    flips : int
        Those where the two choose differently.
    ties : int
        Those where the two name different tokens that one of them holds equally likely, to the bit; no flips.
    """

    positions: int
    flips: int
    ties: int


def greedy_flips(model_directory_a: Path, model_directory_b: Path, texts: Sequence[str], **options: Any) -> GreedyFlips:
    """Open two model directories in float32 and return `compare_greedy` of them."""
    return compare_greedy(load_decoder(model_directory_a), load_decoder(model_directory_b), texts, **options)


def compare_greedy(
    a: Decoder, b: Decoder, texts: Sequence[str], *, window: int = 1024, stride: int = 512
) -> GreedyFlips:
    """Compare the likeliest next token of two models at every position of texts.

    Parameters
    ----------
    a, b : Decoder
        `b` may have more tokens than `a`; those that occur in the texts must be the same in both.
    texts : sequence of str
        Encoded with the tokenizer of `a`, each after its start token.
    window, stride : int
        As in `score_documents`.
    """
    sequences = a.encode(texts)
    _check_same_tokens(a, b, sequences)
    window, stride = b.fit(*a.fit(window, stride))
    budget = LOGITS_AT_ONCE // (a.vocabulary + b.vocabulary)
    total = GreedyFlips(0, 0, 0)
    for batch in batches_of_windows(sliding_windows(sequences.lengths, window, stride), budget):
        for (_, of_a, _), (_, of_b, _) in zip(a.read(sequences, batch), b.read(sequences, batch), strict=True):
            flips, ties = count_flips(of_a, of_b)
            total = GreedyFlips(total.positions + len(of_a), total.flips + flips, total.ties + ties)
    return total


def count_flips(of_a: Tensor, of_b: Tensor, is_shared: Tensor | None = None) -> tuple[int, int]:
    """Count rows of two arrays of logits whose likeliest tokens differ: as flips, and as ties.

    Parameters
    ----------
    of_a, of_b : Tensor, shapes (n, vocabulary of a) and (n, vocabulary of b)
    is_shared : Tensor of bool, shape (the larger vocabulary,), optional
        Whether an id is the same token in both; without it every id that both have is.
    """
    if is_shared is None:
        smaller, larger = sorted((of_a.shape[1], of_b.shape[1]))
        is_shared = require_torch().arange(larger, device=of_a.device) < smaller
    best_a, best_b = of_a.max(dim=1), of_b.max(dim=1)
    a_in_both, b_in_both = is_shared[best_a.indices], is_shared[best_b.indices]
    differ = (best_a.indices != best_b.indices) | ~a_in_both
    b_in_a = of_a.gather(1, best_b.indices.where(b_in_both, 0)[:, None])[:, 0]
    a_in_b = of_b.gather(1, best_a.indices.where(a_in_both, 0)[:, None])[:, 0]
    tied = (b_in_both & (b_in_a == best_a.values)) | (a_in_both & (a_in_b == best_b.values))
    return int((differ & ~tied).sum()), int((differ & tied).sum())


def _check_same_tokens(a: Decoder, b: Decoder, sequences: Ragged) -> None:
    used = np.unique(sequences.values).tolist()
    spellings = zip(used, a.tokenizer.convert_ids_to_tokens(used), b.tokenizer.convert_ids_to_tokens(used), strict=True)
    for token, mine, other in spellings:
        if mine != other:
            raise InputError(
                f"The two models do not share their ids: {token} is {mine!r} in one, {other!r} in the other."
            )
