"""Stages of a long job: what is being done, how long it took, how much memory it needed."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from vocabx.core.collection import give_back_memory
from vocabx.core.report import Table
from vocabx.core.say import Say, say_nothing

__all__ = ["Stage", "Stages"]

BYTES_PER_UNIT = 1 if sys.platform == "darwin" else 1024  # what ru_maxrss counts in


@dataclass(frozen=True, slots=True)
class Stage:
    """A finished stage: seconds it took, and the most memory in bytes that the process held by its end."""

    name: str
    seconds: float
    peak_memory: int


@dataclass
class Stages:
    """Measures stages and says what goes on; silent unless given something to say it with."""

    say: Say = say_nothing
    finished: list[Stage] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    """What else became of the work, for its report."""

    def counter(self, total: int) -> Callable[[int], None]:
        """Return a function that is told bytes done, and says the share at every tenth."""
        done = tenths = 0

        def count(size: int) -> None:
            nonlocal done, tenths
            done += size
            if total and done * 10 // total > tenths:
                tenths = done * 10 // total
                self.say(f"{tenths * 10}% of {total / 1e6:,.0f} MB written")

        return count

    def table(self) -> Table:
        """Return seconds and peak memory by stage."""
        rows = [(stage.name, round(stage.seconds, 2), round(stage.peak_memory / 1e6)) for stage in self.finished]
        return Table("stages", ("stage", "seconds", "peak memory so far, MB"), rows)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Measure a block."""
        self.say(name)
        start = time.perf_counter()
        yield
        give_back_memory()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES_PER_UNIT
        self.finished.append(Stage(name, time.perf_counter() - start, peak))
