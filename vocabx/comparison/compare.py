"""Compare: find what is known of each method, measure the rest, and keep each result as soon as it is there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property

from vocabx.comparison.comparison import Comparison
from vocabx.comparison.cost import Cost, Work, measure_cost
from vocabx.comparison.measuring import Measuring
from vocabx.comparison.pairs import HeldOut, check_unseen
from vocabx.comparison.probe import LINES_PER_STEP, NO_PROBE, Probe, draw_lines
from vocabx.comparison.results import NOT_KEPT, Measured, Results, fingerprint
from vocabx.comparison.setting import Setting, check_variants
from vocabx.comparison.variants import BASE, Variant
from vocabx.core.errors import InputError
from vocabx.stages import Stages

__all__ = ["Comparer"]


@dataclass
class Comparer:
    """Measures what is missing of a comparison, one method after the other, on one model in memory.

    Attributes
    ----------
    setting : Setting
    held_out : HeldOut
        What is measured on; none of it may be in the corpus.
    variants : sequence of Variant
    probe : Probe
        With 0 steps nothing is trained.
    seeds : sequence of int
        Of the probe: which text, in which order, the same for every method. Rows are made once for all of these, with
        the seed of the setting.
    dtype : str
        What bits per byte are computed in.
    greedy : int
        Count greedy choices that differ from the base's in so many source paragraphs; for extensions only.
    results : Results
        Where measurements are kept, and found when a comparison goes on.
    """

    setting: Setting
    held_out: HeldOut
    variants: Sequence[Variant]
    probe: Probe = NO_PROBE
    seeds: Sequence[int] = (0,)
    dtype: str = "float32"
    greedy: int = 0
    results: Results = NOT_KEPT
    stages: Stages = field(default_factory=Stages)

    def __post_init__(self) -> None:
        check_variants(self.variants, self.setting.materials)
        if len(set(self.seeds)) < len(self.seeds) or not self.seeds or min(self.seeds) < 0:
            raise InputError("There must be at least one seed, none negative and none there twice.")
        if self.greedy and not self.setting.is_extension:
            raise InputError("Greedy choices can be compared only where the base's ids stay; leave that out.")
        if self.greedy and not self.held_out.source:
            raise InputError("Greedy choices are compared on text in the source language; name it, or leave that out.")
        if self.probe.steps and self.setting.corpus is None:
            raise InputError("A probe trains on text in the target language; name it with --corpus.")
        if self.setting.corpus is not None:
            with self.stages("looking for the paragraphs in the corpus"):
                check_unseen(self.held_out, self.setting.corpus)
        self._measuring = Measuring(self.setting, self.held_out, self.probe, self.dtype, self.stages)

    def work(self) -> Work:
        """Count what is left to do."""
        untouched = sum(self._find(variant, None) is None for variant in self.variants)
        runs = sum(self._find(variant, seed) is None for variant in self.variants for seed in self._probe_seeds)
        is_base_left = self.results.find(BASE, 0, 0, self._base_mark) is None
        return Work(is_base_left, untouched + runs, runs * self.probe.steps, untouched if self.greedy else 0)

    def cost(self) -> Cost:
        """Time one batch, and one step where rows are to be trained; estimate what is left."""
        work = self.work()
        if work.is_done:
            return Cost(work, 0, 0, 0.0, 0.0)
        bench = self._measuring.bench
        trainer = self._measuring.trainer() if work.steps else None
        with self.stages("timing one batch"):
            return measure_cost(bench.decoder, self.held_out, self.greedy, work, trainer, self.probe.tokens)

    def run(self) -> Comparison:
        """Measure what is missing and return everything."""
        base = self.results.find(BASE, 0, 0, self._base_mark) or self._measure_base()
        untrained, trained = dict[str, Measured](), dict[str, Sequence[Measured]]()
        for number, variant in enumerate(self.variants, 1):
            place = f"{variant.label}, {number} of {len(self.variants)}"
            untrained[variant.label], trained[variant.label] = self._measure(variant, place)
        if not self.probe.steps:
            trained = {}
        return Comparison(
            self.setting.name, self.setting.decision.plan, base, untrained, trained, self.probe, self.dtype
        )

    def _measure(self, variant: Variant, place: str) -> tuple[Measured, Sequence[Measured]]:
        untrained = self._find(variant, None)
        known = {seed: self._find(variant, seed) for seed in self._probe_seeds}
        if untrained is None or None in known.values():
            begin = time.perf_counter()
            initialization = self._measuring.put(variant, place)
        if untrained is None:
            sides = self._measuring.untrained(place)
            flips = self._measuring.flips(initialization, self.greedy) if self.greedy else None
            untrained = Measured(variant.label, 0, 0, sides, flips, time.perf_counter() - begin)
            self.results.keep(untrained, self._mark(variant, None))
        return untrained, [found or self._train(variant, seed, place) for seed, found in known.items()]

    def _measure_base(self) -> Measured:
        begin = time.perf_counter()
        measured = Measured(BASE, 0, 0, self._measuring.base(), None, time.perf_counter() - begin)
        self.results.keep(measured, self._base_mark)
        return measured

    def _train(self, variant: Variant, seed: int, place: str) -> Measured:
        begin = time.perf_counter()
        sides, losses = self._measuring.trained(self._lines, seed, f"{place}, seed {seed}")
        measured = Measured(variant.label, self.probe.steps, seed, sides, None, time.perf_counter() - begin, losses)
        self.results.keep(measured, self._mark(variant, seed))
        return measured

    @property
    def _probe_seeds(self) -> Sequence[int]:
        return self.seeds if self.probe.steps else ()

    @cached_property
    def _lines(self) -> list[str]:
        assert self.setting.corpus is not None, "checked when it was made"
        with self.stages("drawing lines to train on"):
            return draw_lines(self.setting.corpus, LINES_PER_STEP * self.probe.steps, self.setting.request.seed)

    def _find(self, variant: Variant, seed: int | None) -> Measured | None:
        """Return what is kept: right after the change, or after the probe with a seed."""
        steps = 0 if seed is None else self.probe.steps
        return self.results.find(variant.label, steps, seed or 0, self._mark(variant, seed))

    @cached_property
    def _common_mark(self) -> str:
        sides = {name: list(texts) for name, texts in self.held_out.sides.items()}
        return fingerprint(self.setting.fingerprint(), sides, self.dtype)

    @cached_property
    def _base_mark(self) -> str:
        return fingerprint(self._common_mark, BASE)

    def _mark(self, variant: Variant, seed: int | None) -> str:
        own = self.setting.fingerprint_of(variant)
        if seed is None:
            return fingerprint(self._common_mark, own, self.greedy)
        return fingerprint(self._common_mark, own, asdict(self.probe), seed)
