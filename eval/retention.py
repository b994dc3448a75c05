"""Retention: what a change of vocabulary did to a model's predictions for text whose ids it left alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vocabx.core.arrays import Bools, Ints, Ragged
from vocabx.core.errors import InputError
from vocabx.eval.bits_per_byte import LOGITS_AT_ONCE
from vocabx.eval.cost import Nats, Progress
from vocabx.eval.decoder import Decoder, require_torch
from vocabx.eval.greedy import count_flips
from vocabx.eval.windows import batches_of_windows, sliding_windows

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["KeptIds", "Retention", "compare_predictions", "keep_ids", "shared_ids"]


@dataclass(frozen=True)
class KeptIds:
    """Which documents two tokenizers turn into the same ids.

    Attributes
    ----------
    is_kept : ndarray of bool, shape (documents,)
        Whether all ids of the document, and the tokens that they stand for, are the same in both.
    tokens : int
        Of all documents, in the first tokenizer.
    changed_tokens : int
        Those of them between the ids that a document begins with and the ids that it ends with in both.
    """

    is_kept: Bools
    tokens: int
    changed_tokens: int


@dataclass(frozen=True)
class Retention:
    """How far the predictions of a model are from its base's, document by document; all arrays (documents,).

    Attributes
    ----------
    positions : ndarray of int64
        Predictions that were compared: one for every token but the first of what is read.
    divergence : ndarray of float64
        Sum over them of KL(base || model) in nats, both over the ids that the two models share, made to sum to 1.
    new_mass : ndarray of float64
        Sum over them of the probability that the model gives to all other ids.
    flips, ties : ndarray of int64
        As in `GreedyFlips`, over all ids: a new token that is the likeliest is a flip, and so is one id that stands
        for two tokens.
    """

    positions: Ints
    divergence: Nats
    new_mass: Nats
    flips: Ints
    ties: Ints


def shared_ids(base: Decoder, other: Decoder) -> Ints:
    """Return the ids that are rows in both heads and stand for the same token, or for none, in both tokenizers."""
    rows = min(base.vocabulary, other.vocabulary)
    first, second = (
        {token: piece for piece, token in decoder.tokenizer.get_vocab().items()} for decoder in (base, other)
    )
    return np.array([token for token in range(rows) if first.get(token) == second.get(token)], np.int64)


def keep_ids(base: Decoder, other: Decoder, texts: Sequence[str]) -> KeptIds:
    """Find the documents whose ids a change of the tokenizer left as they were, start token included."""
    before, after = base.encode(texts), other.encode(texts)
    shared = shared_ids(base, other)
    is_kept, changed = np.zeros(len(texts), np.bool_), 0
    for document in range(len(texts)):
        mine, theirs = before[document], after[document]
        is_kept[document] = np.array_equal(mine, theirs) and bool(np.isin(mine, shared).all())
        if not is_kept[document]:
            changed += _changed(mine, theirs, shared)
    return KeptIds(is_kept, int(before.lengths.sum()), changed)


def _changed(mine: Ints, theirs: Ints, shared: Ints) -> int:
    shorter = min(len(mine), len(theirs))
    is_shared = np.isin(mine, shared)
    same = (mine[:shorter] == theirs[:shorter]) & is_shared[:shorter]
    before = shorter if same.all() else int(same.argmin())
    same = ((mine[::-1][:shorter] == theirs[::-1][:shorter]) & is_shared[::-1][:shorter])[: shorter - before]
    behind = len(same) if same.all() else int(same.argmin())
    return len(mine) - before - behind


def compare_predictions(
    base: Decoder,
    other: Decoder,
    texts: Sequence[str],
    *,
    window: int = 1024,
    stride: int = 512,
    progress: Progress | None = None,
) -> Retention:
    """Compare what two models expect next at every position of documents whose ids they share.

    Parameters
    ----------
    base, other : Decoder
    texts : sequence of str
        Documents that `keep_ids` keeps.
    window, stride : int
        As in `score_documents`.
    progress : callable, optional
        Called after each batch with the windows done and the windows in all.

    Raises
    ------
    InputError
        When a document has other ids in the two.

    Notes
    -----
    KL over shared ids alone and the mass on the others add up: with p of the base, q of the model over all its ids and
    m its mass on ids that the base lacks, ``KL(p || q) = KL(p || q / (1 - m)) - log(1 - m)`` at each position.
    """
    if not keep_ids(base, other, texts).is_kept.all():
        raise InputError("Predictions can be compared only where both tokenizers give the same ids.")
    torch = require_torch()
    sequences: Ragged = base.encode(texts)
    window, stride = other.fit(*base.fit(window, stride))
    shared = shared_ids(base, other)
    is_shared = torch.from_numpy(np.isin(np.arange(max(base.vocabulary, other.vocabulary)), shared))
    is_shared, ids = is_shared.to(base.model.device), torch.from_numpy(shared).to(base.model.device)
    others = torch.from_numpy(np.setdiff1d(np.arange(other.vocabulary), shared)).to(base.model.device)
    windows = sliding_windows(sequences.lengths, window, stride)
    sums, done = np.zeros((5, len(texts))), 0
    # Two arrays of logits, and what is made of each, are held at once.
    for batch in batches_of_windows(windows, LOGITS_AT_ONCE // (2 * (base.vocabulary + other.vocabulary))):
        pairs = zip(base.read(sequences, batch), other.read(sequences, batch), strict=True)
        for (part, of_base, _), (_, of_other, _) in pairs:
            sums[:, part.sequence] += _compare(of_base, of_other.to(of_base.device), ids, others, is_shared)
        done += len(batch)
        if progress:
            progress(done, len(windows))
    positions, flips, ties = sums[[0, 3, 4]].astype(np.int64)
    return Retention(positions, sums[1], sums[2], flips, ties)


def _compare(of_base: Tensor, of_other: Tensor, ids: Tensor, others: Tensor, is_shared: Tensor) -> tuple[float, ...]:
    """Return positions, divergence, new mass, flips and ties of logits (n, vocabulary)."""
    p, q = (_columns(logits, ids).log_softmax(1) for logits in (of_base, of_other))
    divergence = (p.exp() * (p - q)).sum(1).clamp(min=0).double().sum()
    mass = (_columns(of_other, others).logsumexp(1) - of_other.logsumexp(1)).exp().double().sum()
    return len(of_base), float(divergence), float(mass), *count_flips(of_base, of_other, is_shared)


def _columns(logits: Tensor, ids: Tensor) -> Tensor:
    """Return some columns, ascending; a view where they are next to each other."""
    is_run = len(ids) > 0 and int(ids[-1]) - int(ids[0]) == len(ids) - 1
    return logits[:, int(ids[0]) : int(ids[-1]) + 1] if is_run else logits[:, ids]
