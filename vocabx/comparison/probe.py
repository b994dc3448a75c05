"""Probe: a short continued training of rows alone, the same for every method."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vocabx.core.arrays import Ints
from vocabx.core.corpus import Corpus
from vocabx.core.errors import InputError
from vocabx.core.plan import Plan
from vocabx.core.say import Say, say_nothing, step
from vocabx.eval.decoder import Decoder, require_torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["LINES_PER_STEP", "NO_PROBE", "Probe", "RowTrainer", "draw_batches", "draw_lines", "train_rows"]

LINES_PER_STEP = 64
"""Lines that are drawn for each step; more than a step of 256 tokens takes, unless lines are very short."""


@dataclass(frozen=True)
class Probe:
    """How rows are trained.

    Attributes
    ----------
    steps, tokens : int
        Updates, and tokens in each.
    learning_rate : float
        Of the first update, as a share of the root mean square of the base's entries in the same matrix, so that it
        suits models of any scale; Adam moves an entry by about that much a step. It falls to 0 in a straight line.
    everything : bool
        Train all rows. Otherwise only new ones are, so that old ones stay as they were: Adam moves even rows that the
        text never uses by nearly a full step.

    Notes
    -----
    AdamW with betas 0.9 and 0.95 and no weight decay, on a float32 copy of the rows: a step is less than bfloat16
    resolves. Nothing but rows is trained, neither layers nor an output bias.
    """

    steps: int = 0
    tokens: int = 256
    learning_rate: float = 0.002
    everything: bool = False

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise InputError(f"The steps of a probe must not be negative, got {self.steps}.")
        if self.tokens < 2:
            raise InputError(f"A step of a probe needs at least 2 tokens, got {self.tokens}.")
        if not self.learning_rate > 0:
            raise InputError(f"The learning rate must be positive, got {self.learning_rate}.")

    def ids(self, plan: Plan) -> Ints:
        """Return the ids whose rows are trained."""
        return np.arange(plan.tokens) if self.everything else plan.new_ids


NO_PROBE = Probe()


def draw_lines(corpus: Corpus, count: int, seed: int) -> list[str]:
    """Draw lines of a text in one pass, each as likely as any other, in random order."""
    generator = np.random.default_rng(seed)
    numbered = ((generator.random(), number, line) for number, line in enumerate(corpus.lines()))
    chosen = heapq.nsmallest(count, numbered)
    if not chosen:
        raise InputError(f"There is no text to train on in {', '.join(map(str, corpus.files))}.")
    return [line for _, _, line in chosen]


def draw_batches(decoder: Decoder, lines: Sequence[str], probe: Probe, seed: int) -> Ints:
    """Return the ids of every step, ndarray of shape (steps, sequences, length).

    Lines are shuffled, follow each other, each after the start token, and are cut into sequences of equal length,
    which is that of a step or of the model's context. A text that is too short is read again in another order.
    """
    length = min(probe.tokens, decoder.context or probe.tokens)
    sequences = probe.tokens // length
    wanted = probe.steps * sequences * length
    generator = np.random.default_rng([seed, 1])
    encoded = decoder.encode(lines)
    if not len(encoded.values):
        raise InputError("The text to train on has no tokens.")
    parts, size = list[Ints](), 0
    while size < wanted:
        for line in generator.permutation(len(encoded)).tolist():
            parts.append(encoded[line])
            size += len(parts[-1])
            if size >= wanted:
                break
    return np.concatenate(parts)[:wanted].reshape(probe.steps, sequences, length)


class RowTrainer:
    """Trains chosen rows of some matrices of a model, with everything else frozen."""

    def __init__(self, decoder: Decoder, weights: list[Tensor], ids: Ints, probe: Probe) -> None:
        torch = require_torch()
        self._model = decoder.model
        self._weights = weights
        self._ids = torch.from_numpy(np.array(ids)).to(decoder.model.device)
        self._probe = probe
        # Rows are trained in float32 whatever the model computes in, and rounded into it after each step.
        self._masters = [weight.detach()[self._ids].float() for weight in weights]
        groups: list[dict[str, Any]] = [
            {"params": [master], "lr": probe.learning_rate * float(weight.detach().float().square().mean().sqrt())}
            for master, weight in zip(self._masters, weights, strict=True)
        ]
        self._optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), weight_decay=0.0)
        self._full_rates = [group["lr"] for group in groups]
        self._done = 0

    def step(self, ids: Ints) -> float:
        """Make one update and return the loss before it, in nats for one token."""
        torch = require_torch()
        share = max(0.0, 1 - self._done / max(self._probe.steps, 1))
        for group, rate in zip(self._optimizer.param_groups, self._full_rates, strict=True):
            group["lr"] = rate * share
        batch = torch.from_numpy(np.array(ids)).to(self._model.device)
        for weight in self._weights:
            weight.requires_grad_(True)
        loss = _loss(self._model, batch)
        gradients = torch.autograd.grad(loss, self._weights)
        for weight, master, gradient in zip(self._weights, self._masters, gradients, strict=True):
            weight.requires_grad_(False)
            master.grad = gradient[self._ids].float()
        self._optimizer.step()
        with torch.no_grad():
            for weight, master in zip(self._weights, self._masters, strict=True):
                weight[self._ids] = master.to(weight.dtype)
        self._done += 1
        return float(loss.detach())


def _loss(model: Any, batch: Tensor) -> Tensor:
    from torch.nn.functional import cross_entropy

    logits = model(input_ids=batch, use_cache=False).logits[:, :-1].float()
    return cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())


def train_rows(trainer: RowTrainer, batches: Ints, say: Say = say_nothing) -> list[float]:
    """Make one update for each batch; return the loss before each, in nats for one token."""
    losses = []
    for number, batch in enumerate(batches, 1):
        losses.append(trainer.step(batch))
        say(step("probe", f"step {number} of {len(batches)}, loss {losses[-1]:.3f}"))
    return losses
