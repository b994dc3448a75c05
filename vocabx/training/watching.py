"""Watching: what is said, measured and kept while a stage goes on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from vocabx.core.say import Say
from vocabx.training.curve import Curve, Point
from vocabx.training.held_out import HeldOut
from vocabx.training.steps import Steps

__all__ = ["Watch", "board", "watching_callback"]


@dataclass
class Watch:
    """Adds points to the curve of a run, stage after stage.

    Attributes
    ----------
    curve : Curve
    steps : Steps
    sequences : PackedSequences or MaskedSequences
    held_out : HeldOut
    say : callable
    writes : bool
        Whether this is the process that writes; all of them measure, for they may share the model out.
    stage, name : int and str
        The stage that goes on, from 1 on.
    """

    curve: Curve
    steps: Steps
    sequences: Any
    held_out: HeldOut
    say: Say
    writes: bool = True
    stage: int = 0
    name: str = ""
    last: Point = field(default_factory=lambda: Point(1, 0, 0, 0, 0.0))
    begun: float = 0.0

    def enter(self, stage: int, name: str) -> None:
        """Begin a stage, or go on with one."""
        points = self.curve.points()
        self.stage, self.name = stage, name
        self.last = points[-1] if points else Point(1, 0, 0, 0, 0.0)

    def begin(self, model: Any) -> None:
        """Measure the model if nothing was measured yet, and start the clock."""
        if self.held_out.texts and self.stage == 1 and not self.curve.points():
            self._keep(Point(1, 0, 0, 0, 0.0, bits_per_byte=self.held_out.measure(model, "before training")))
        self.begun = perf_counter()

    def log(self, model: Any, step: int, loss: float, rate: float) -> Mapping[str, float]:
        """Add a point after a step of the stage; return what was measured."""
        seconds = self.last.seconds + perf_counter() - self.begun
        done = self.steps.before(self.stage - 1) + step
        before = self.last.tokens // self.steps.tokens
        size = self.last.bytes + self._bytes(before, done)
        measured: Mapping[str, float] = {}
        is_due = done // self.steps.evaluate_every > before // self.steps.evaluate_every
        if self.held_out.texts and (is_due or self.is_end(step)):
            measured = self.held_out.measure(model, f"step {done:,} of {self.steps.total:,}")
        pace = (done - before) * self.steps.tokens / max(seconds - self.last.seconds, 1e-9)
        self._keep(Point(self.stage, step, done * self.steps.tokens, size, seconds, loss, rate, measured, done))
        self.say(f"{self._sentence(done, loss, measured)}, {self._pace(done, pace)}")
        self.begun = perf_counter()
        return measured

    def is_end(self, step: int) -> bool:
        """Whether a step is the last of its stage."""
        return step == self.steps.stages[self.stage - 1]

    def _bytes(self, before: int, done: int) -> int:
        read = self.sequences.text_read(before * self.steps.sequences, done * self.steps.sequences)
        return int(read.all)

    def _keep(self, point: Point) -> None:
        self.last = point
        if self.writes:
            self.curve.add(point)

    def _sentence(self, done: int, loss: float, measured: Mapping[str, float]) -> str:
        costs = "".join(f", {label} {cost:.3f} bits per byte" for label, cost in measured.items())
        return f"{self.name}: step {done:,} of {self.steps.total:,}, loss {loss:.3f}{costs}"

    def _pace(self, done: int, pace: float) -> str:
        """Say how fast it was since the line before, in tokens a second, and how long it takes at that."""
        minutes = math.ceil((self.steps.total - done) * self.steps.tokens / pace / 60)
        left = "" if done == self.steps.total else f", {minutes:,} minute{'s' * (minutes != 1)} left"
        return f"{pace:,.0f} tokens/s{left}"


def watching_callback(watch: Watch) -> Any:
    """Return what tells a watch of the steps of transformers' Trainer."""
    import transformers

    class Watching(transformers.TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            # A saved state brings those with which it was saved.
            state.logging_steps, state.save_steps = args.logging_steps, args.save_steps
            watch.begin(rest["model"])

        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            if watch.is_end(state.global_step):
                control.should_log = True
                control.should_save = False  # the weights after the stage are kept instead

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any) -> None:
            if "loss" in logs:
                measured = watch.log(rest["model"], state.global_step, logs["loss"], logs["learning_rate"])
                logs.update({f"bits_per_byte/{label}": cost for label, cost in measured.items()})

    return Watching()


@contextmanager
def board(folder: Path, step: int) -> Iterator[list[Any]]:
    """Give what writes logs for TensorBoard, from a step on, where it is installed; close it however training ends."""
    from transformers.integrations import TensorBoardCallback

    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        yield []
        return
    folder.mkdir(parents=True, exist_ok=True)
    writer = SummaryWriter(str(folder), purge_step=step + 1)
    try:
        yield [TensorBoardCallback(writer)]
    finally:
        writer.close()  # it has a thread, which nothing else ends where training is stopped
