"""The training itself: batch after batch of snippets, and the rows that come of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from vocabx.core.arrays import Floats, Ints
from vocabx.core.say import Say, step
from vocabx.distillation.batches import Batch, make_batch
from vocabx.distillation.contexts import Contexts
from vocabx.distillation.objective import Objective
from vocabx.distillation.rows import TrainedRows
from vocabx.distillation.settings import NEXT_TOKEN, DistillationSettings
from vocabx.distillation.subject import Subject

__all__ = ["Trained", "measure_distance", "objective_of", "train_rows"]

SHOWN = 20
"""Steps whose mean loss is said."""


@dataclass(frozen=True)
class Trained:
    """What came of a training.

    Attributes
    ----------
    ids : ndarray of int64, shape (N,)
        Of the tokens that were trained.
    rows : mapping of str to ndarray of float32, shape (N, D)
        By the name of their matrix.
    losses : list of float
        Before each step.
    """

    ids: Ints
    rows: Mapping[str, Floats]
    losses: list[float]


def train_rows(subject: Subject, contexts: Contexts, settings: DistillationSettings, say: Say) -> Trained:
    """Train the rows of all tokens that were drawn. The model ends with them, in the type that it computes in.

    Raises
    ------
    TrainingError
        When a loss or a gradient is not finite.
    """
    checkpoint, ids = subject.loaded.checkpoint, contexts.tokens()
    names = [checkpoint.input]
    if settings.head == NEXT_TOKEN and not checkpoint.tied and checkpoint.head is not None:
        names.append(checkpoint.head)
    rows = TrainedRows(
        subject.model,
        ids,
        learning_rate=settings.learning_rate,
        scores=settings.uses_head,
        head=settings.head == NEXT_TOKEN,
    )
    rows.begin([checkpoint.matrix(name) for name in names])
    objective = objective_of(subject, settings)
    steps = settings.epochs * -(-len(contexts) // settings.batch_size)
    losses = list[float]()
    try:
        for epoch in range(settings.epochs):
            for batch in _batches(subject, contexts, settings.batch_size, [settings.seed, epoch]):
                share = 1 - len(losses) / steps
                losses.append(rows.step(partial(objective.loss, batch), batch.student, batch.drawn, share))
                say(step("distilling", f"step {len(losses):,} of {steps:,}, loss {np.mean(losses[-SHOWN:]):.4f}"))
    finally:
        rows.join()
    found = [master.cpu().numpy() for master in rows.masters]
    return Trained(ids, dict(zip(names, found, strict=True)), losses)


def measure_distance(subject: Subject, contexts: Contexts, settings: DistillationSettings) -> float:
    """Return the error of hidden states: their squared distance from the teacher's, as a share of the teacher's spread.

    0 is the teacher; 1 is what the teacher's mean state would reach in all places.
    """
    objective = objective_of(subject, settings)
    batches = _batches(subject, contexts, settings.batch_size, [settings.seed])
    distances, squares, sums, counts = zip(*(objective.moments(batch) for batch in batches), strict=True)
    spread = np.sum(squares) - np.square(np.sum(sums, axis=0)).sum() / np.sum(counts)
    return float(np.sum(distances) / spread)


def objective_of(subject: Subject, settings: DistillationSettings) -> Objective:
    """Return what is made small, for this model."""
    depth = settings.depth(subject.model.config.get_text_config().num_hidden_layers)
    return Objective(subject.model, subject.pieces, settings, depth)


def _batches(subject: Subject, contexts: Contexts, size: int, seed: list[int]) -> Iterator[Batch]:
    order: Ints = np.random.default_rng(seed).permutation(len(contexts))
    padding = subject.tokenizer.pad_token_id or 0
    for start in range(0, len(order), size):
        yield make_batch(contexts, order[start : start + size], subject.pieces, *subject.around, padding)
