"""Cost: how long a comparison will take, from one batch and one step."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vocabx.comparison.pairs import HeldOut
from vocabx.comparison.probe import RowTrainer
from vocabx.core.arrays import Ints
from vocabx.core.report import Cell
from vocabx.eval.bits_per_byte import LOGITS_AT_ONCE, score_documents
from vocabx.eval.decoder import Decoder

__all__ = ["Cost", "Work", "measure_cost", "spell_time"]

GREEDY_FORWARDS = 3
"""What comparing greedy choices costs, in measurements of as much text: two models, and float32."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is left to do: whether the base, how many measurements, steps of training and comparisons with the base."""

    base: bool
    evaluations: int
    steps: int
    greedy: int

    @property
    def is_done(self) -> bool:
        """Whether nothing is left."""
        return not (self.base or self.evaluations or self.steps or self.greedy)


@dataclass(frozen=True)
class Cost:
    """Seconds that are expected, beside what making rows takes.

    One measurement reads `tokens` tokens, and greedy choices are compared at `greedy_tokens`.
    """

    work: Work
    tokens: int
    greedy_tokens: int
    seconds_per_token: float
    seconds_per_step: float

    @property
    def evaluation(self) -> float:
        """Seconds of one measurement of all paragraphs."""
        return self.tokens * self.seconds_per_token

    @property
    def seconds(self) -> float:
        """Seconds of all that is left."""
        work = self.work
        greedy = work.greedy * GREEDY_FORWARDS * self.greedy_tokens * self.seconds_per_token
        return (work.base + work.evaluations) * self.evaluation + work.steps * self.seconds_per_step + greedy

    def facts(self) -> dict[str, Cell]:
        """Say it."""
        work = self.work
        if work.is_done:
            return {"measurements left": 0}
        facts: dict[str, Cell] = {
            "tokens of the paragraphs": self.tokens,
            "measurements left": work.base + work.evaluations,
            "seconds for a measurement": round(self.evaluation, 1),
        }
        if work.steps:
            facts |= {"steps of training left": work.steps, "seconds for a step": round(self.seconds_per_step, 2)}
        if work.greedy:
            facts["comparisons of greedy choices left"] = work.greedy
        return facts | {"expected time, beside making the rows": spell_time(self.seconds)}

    def to_json(self) -> dict[str, Cell]:
        """Say it as data, with the expected time as a number."""
        return {**self.facts(), "expected seconds": round(self.seconds, 1)}


def spell_time(seconds: float) -> str:
    """Spell a time for people.

    >>> [spell_time(seconds) for seconds in (4.2, 90, 600, 9000)]
    ['4 seconds', '90 seconds', '10 minutes', '2.5 hours']
    """
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"


def measure_cost(
    decoder: Decoder, held_out: HeldOut, greedy: int, work: Work, trainer: RowTrainer | None, tokens: int
) -> Cost:
    """Time one batch of a measurement, and one step of training; both are done twice, as the first is slower.

    `greedy` is in how many source paragraphs choices are compared, `tokens` how many a step takes. The trainer changes
    the rows, so the method's must be put in again afterwards.
    """
    sizes = {side: decoder.encode(texts).lengths for side, texts in held_out.sides.items()}
    total = int(sum(lengths.sum() for lengths in sizes.values()))
    timed = _first_documents(sizes["target"], LOGITS_AT_ONCE // decoder.vocabulary)
    texts = held_out.target[:timed]
    forward = _seconds_of(lambda: score_documents(decoder.model, decoder.tokenizer, texts))
    step = 0.0
    if trainer is not None:
        batch = np.resize(decoder.encode(texts).values, (1, min(tokens, decoder.context or tokens)))
        step = _seconds_of(lambda: trainer.step(batch)) * max(1, tokens // batch.shape[1])
    source = int(sizes["source"][:greedy].sum()) if greedy else 0
    return Cost(work, total, source, forward / int(sizes["target"][:timed].sum()), step)


def _first_documents(lengths: Ints, tokens: int) -> int:
    return min(len(lengths), 1 + int(np.searchsorted(np.cumsum(lengths), tokens)))


def _seconds_of(action: Callable[[], object]) -> float:
    taken = []
    for _ in range(2):
        begin = time.perf_counter()
        action()
        taken.append(time.perf_counter() - begin)
    return min(taken)
