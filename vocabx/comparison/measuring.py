"""Measuring: the models that a comparison holds in memory, and what is read off them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vocabx.comparison.bench import Bench
from vocabx.comparison.pairs import HeldOut
from vocabx.comparison.probe import Probe, RowTrainer, draw_batches, train_rows
from vocabx.comparison.results import Side
from vocabx.comparison.setting import Setting
from vocabx.comparison.variants import BASE, Variant
from vocabx.core.arrays import Ints
from vocabx.core.initialization import Initialization
from vocabx.core.say import Say, step
from vocabx.eval.bits_per_byte import score_documents
from vocabx.eval.cost import Progress
from vocabx.eval.decoder import Decoder, load_decoder
from vocabx.eval.greedy import GreedyFlips, compare_greedy
from vocabx.stages import Stages

__all__ = ["Measuring"]

GREEDY_TYPE = "float32"
"""Greedy choices are always compared in it: rounding alone flips some."""


@dataclass
class Measuring:
    """Opens each model when it is first needed, and measures.

    Attributes
    ----------
    setting : Setting
    held_out : HeldOut
        What is measured on.
    probe : Probe
        How rows are trained.
    dtype : str
        What bits per byte are computed in.
    stages : Stages
    """

    setting: Setting
    held_out: HeldOut
    probe: Probe
    dtype: str
    stages: Stages

    @cached_property
    def bench(self) -> Bench:
        """The model that bits per byte are measured on."""
        with self.stages("opening the model"):
            return self._open(self.dtype)

    @cached_property
    def _greedy_models(self) -> tuple[Decoder, Bench]:
        with self.stages("opening the models whose choices are compared"):
            base = load_decoder(self.setting.checkpoint.directory, dtype=GREEDY_TYPE)
            return base, self.bench if self.dtype == GREEDY_TYPE else self._open(GREEDY_TYPE)

    def _open(self, dtype: str) -> Bench:
        return Bench.open(self.setting.checkpoint, self.setting.decision, dtype, self.setting.style)

    def base(self) -> dict[str, Side]:
        """Measure the base."""
        return self._score(load_decoder(self.setting.checkpoint.directory, dtype=self.dtype), np.empty(0, int), BASE)

    def put(self, variant: Variant, place: str) -> Initialization:
        """Make the rows of a method and put them into the model."""
        with self.stages(f"rows of method {place}"):
            initialization = self.setting.initialize(variant, self.stages)
            self.bench.put(initialization)
        return initialization

    def untrained(self, place: str) -> dict[str, Side]:
        """Measure the model as it is."""
        return self._score(self.bench.decoder, self.setting.decision.plan.new_ids, place)

    def trained(self, lines: Sequence[str], seed: int, place: str) -> tuple[dict[str, Side], tuple[float, ...]]:
        """Train the rows, measure, and take the training back; return the loss before each step, too."""
        with self.bench.unchanged_afterwards():
            batches = draw_batches(self.bench.decoder, lines, self.probe, seed)
            with self.stages(f"training {place}"):
                losses = train_rows(self.trainer(), batches, self.stages.say)
            return self.untrained(place), tuple(losses)

    def trainer(self) -> RowTrainer:
        """Return a new optimizer of the rows as they are."""
        ids = self.probe.ids(self.setting.decision.plan)
        return RowTrainer(self.bench.decoder, self.bench.weights, ids, self.probe)

    def flips(self, initialization: Initialization, paragraphs: int) -> GreedyFlips:
        """Count greedy choices that differ from the base's in the first source paragraphs."""
        base, bench = self._greedy_models
        if bench is not self.bench:
            bench.put(initialization)
        with self.stages("comparing greedy choices"):
            return compare_greedy(base, bench.decoder, self.held_out.source[:paragraphs])

    def _score(self, decoder: Decoder, new_ids: Ints, place: str) -> dict[str, Side]:
        sides = dict[str, Side]()
        with self.stages(f"measuring {place}"):
            for name, texts in self.held_out.sides.items():
                progress = self._progress(f"measuring {place}", name)
                score = score_documents(decoder.model, decoder.tokenizer, texts, new_ids=new_ids, progress=progress)
                sides[name] = Side.of(score)
        return sides

    def _progress(self, name: str, side: str) -> Progress:
        say: Say = self.stages.say
        return lambda done, total: say(step(name, f"{side}, {done} of {total}"))
