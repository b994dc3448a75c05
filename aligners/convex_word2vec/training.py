"""Training: move the logits of the mixtures until held-out text is no longer told from noise any better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from vocabx.aligners.convex_word2vec.comparison import Comparison
from vocabx.aligners.convex_word2vec.loss import Rows, skip_gram
from vocabx.aligners.convex_word2vec.mixture import Mixture
from vocabx.aligners.convex_word2vec.pairs import Pairs
from vocabx.core.arrays import Floats, Ints

__all__ = ["Model", "Problem", "Schedule", "train"]

FIRST, SECOND = 0.9, 0.99
"""How slowly the means of Adam's gradients and of their squares forget."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn."""

    epochs: int
    patience: int
    rate: float
    batch: int
    draws: int
    negatives: int
    loss: str


@dataclass(frozen=True)
class Model:
    """Mixtures for the input, whose rows are centres, and for the head, whose rows are contexts; one where tied."""

    input: Mixture
    head: Mixture | None = None

    @property
    def mixtures(self) -> tuple[Mixture, ...]:
        """What there is to learn."""
        return (self.input,) if self.head is None else (self.input, self.head)

    @classmethod
    def of(cls, mixtures: list[Mixture]) -> Model:
        """Take what `mixtures` gives."""
        return cls(*mixtures)


@dataclass(frozen=True)
class Problem:
    """What is learned from.

    Attributes
    ----------
    comparison : Comparison
        Of all source tokens.
    sources : ndarray of int64
        The source tokens of the text; types are the M new tokens, then these.
    frequencies : ndarray of float64, shape (types,)
        The distribution of the negatives.
    train, held_out : Pairs
    """

    comparison: Comparison
    sources: Ints
    noise: NDArray[np.float64] = field(repr=False)
    train: Pairs = field(repr=False)
    held_out: Pairs = field(repr=False)

    def rows(self, model: Model, banks: tuple[Floats, Floats] | None = None) -> Rows:
        """Return the rows of all types, written into `banks` if they are given."""
        new = len(model.input.anchors)
        centres, contexts = banks or self.banks(new)
        head = model.head or model.input
        weights = model.input.weights
        centres[:new] = model.input.rows(weights, self.comparison.centres)
        contexts[:new] = head.rows(weights if model.head is None else head.weights, self.comparison.contexts)
        return Rows(centres, contexts, self.comparison.offset, new)

    def banks(self, new: int) -> tuple[Floats, Floats]:
        """Return matrices for centres and contexts with the source tokens' rows in place."""
        both = []
        for matrix in (self.comparison.centres, self.comparison.contexts):
            bank = np.zeros((new + len(self.sources), matrix.shape[1]), np.float32)
            bank[new:] = matrix[self.sources]
            both.append(bank)
        return both[0], both[1]

    def draw(self, draws: int, negatives: int, generator: np.random.Generator) -> Ints:
        """Draw negatives with replacement, shape (draws, negatives)."""
        found = np.searchsorted(self.noise.cumsum(), generator.random((draws, negatives)), side="right")
        return np.minimum(found, len(self.noise) - 1)


@dataclass
class _Adam:
    """Adam (Kingma and Ba 2015) for one array."""

    rate: float
    mean: Floats
    square: Floats
    steps: int = 0

    def step(self, gradient: Floats) -> Floats:
        """Return what to add."""
        self.steps += 1
        self.mean += np.float32(1 - FIRST) * (gradient - self.mean)
        self.square += np.float32(1 - SECOND) * (gradient * gradient - self.square)
        mean = self.mean / np.float32(1 - FIRST**self.steps)
        root = np.sqrt(self.square / np.float32(1 - SECOND**self.steps))
        # No constant is added: the gradient of a rare token is small, and is not to be taken for noise.
        return np.asarray(np.divide(np.float32(-self.rate) * mean, root, out=np.zeros_like(mean), where=root > 0))


def train(
    problem: Problem, model: Model, schedule: Schedule, generator: np.random.Generator, say: Callable[[str], None]
) -> tuple[Model, list[float]]:
    """Learn, and return the model of the best epoch with the held-out loss per pair after each, the start first."""
    test = problem.draw(4 * schedule.draws, schedule.negatives, generator)
    banks = problem.banks(len(model.input.anchors))
    optimizers = [
        _Adam(schedule.rate, np.zeros_like(mixture.logits), np.zeros_like(mixture.logits)) for mixture in model.mixtures
    ]

    def measure(model: Model) -> float:
        rows = problem.rows(model, banks)
        return skip_gram(rows, problem.held_out, test, schedule.loss).loss / max(problem.held_out.total, 1e-30)

    losses = [measure(model)]
    say(f"held-out loss before training {losses[0]:.4f}")
    best = model
    for epoch in range(1, schedule.epochs + 1):
        model = _epoch(problem, model, schedule, optimizers, banks, generator)
        losses.append(measure(model))
        say(f"held-out loss after epoch {epoch} {losses[-1]:.4f}")
        if losses[-1] == min(losses) and losses[-1] < min(losses[:-1]):
            best = model
        elif len(losses) - 1 - int(np.argmin(losses)) >= schedule.patience:
            break
    return best, losses


def _epoch(
    problem: Problem,
    model: Model,
    schedule: Schedule,
    optimizers: list[_Adam],
    banks: tuple[Floats, Floats],
    generator: np.random.Generator,
) -> Model:
    order = generator.permutation(len(problem.train))
    batches = max(1, round(len(order) / schedule.batch))
    for chosen in np.array_split(order, batches):
        negatives = problem.draw(schedule.draws, schedule.negatives, generator)
        pairs = problem.train.part(np.sort(chosen))
        model = _step(problem, model, pairs, negatives, schedule.loss, optimizers, banks)
    return model


def _step(
    problem: Problem,
    model: Model,
    pairs: Pairs,
    negatives: Ints,
    loss: str,
    optimizers: list[_Adam],
    banks: tuple[Floats, Floats],
) -> Model:
    gradients = logit_gradients(problem, model, pairs, negatives, loss, banks)
    moved = [
        replace(mixture, logits=mixture.logits + optimizer.step(gradient))
        for mixture, optimizer, gradient in zip(model.mixtures, optimizers, gradients, strict=True)
    ]
    return Model.of(moved)


def logit_gradients(
    problem: Problem,
    model: Model,
    pairs: Pairs,
    negatives: Ints,
    loss: str,
    banks: tuple[Floats, Floats] | None = None,
) -> list[Floats]:
    """Return the gradient of the loss for the logits of each mixture."""
    found = skip_gram(problem.rows(model, banks), pairs, negatives, loss)
    compared = problem.comparison
    slopes = [model.input.slopes(found.centres, compared.centres)]
    slopes.append((model.head or model.input).slopes(found.contexts, compared.contexts))
    if model.head is None:
        slopes = [slopes[0] + slopes[1]]
    return [
        Mixture.logit_gradient(mixture.weights, slope) for mixture, slope in zip(model.mixtures, slopes, strict=True)
    ]
