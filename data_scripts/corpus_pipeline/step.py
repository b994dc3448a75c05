"""What a step of a pipeline is: the base of ours, which count as datatrove's do, and meters between the stages."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["METER", "Meter", "Rule", "Step", "in_one_line"]

METER = "meter: "
"""Before the stage in the name of a meter."""


def in_one_line(error: Exception) -> str:
    """Return what an error of another library says, without line ends, and no more than a reader wants."""
    return " ".join(str(error).split())[:200]


class Step:
    """Documents in, documents out; datatrove's executors call it and store its `stats`."""

    type = "vocabx"

    def __init__(self, name: str) -> None:
        from datatrove.utils.stats import Stats

        self.name = name
        self.stats = Stats(name)

    def __repr__(self) -> str:
        return self.name

    def count(self, *labels: str, value: float = 1) -> None:
        """Add to counters."""
        for label in labels:
            self.stats[label].update(value)

    def __call__(self, data: Iterable[Any] | None = None, rank: int = 0, world_size: int = 1) -> Iterator[Any] | None:
        """Take the documents of the step before."""
        raise NotImplementedError


class Rule(Step):
    """Drops documents, and counts why; may change their text."""

    def examine(self, document: Any) -> str | None:
        """Return the reason to drop a document, or None."""
        raise NotImplementedError

    def __call__(self, data: Iterable[Any] | None = None, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        """Pass on what is not dropped."""
        for document in data or ():
            reason = self.examine(document)
            if reason is None:
                yield document
            else:
                self.count(f"dropped_{reason}")


class Meter(Step):
    """Counts documents and bytes that leave a stage, and the seconds that all before it took."""

    def __init__(self, stage: str) -> None:
        super().__init__(METER + stage)

    def __call__(self, data: Iterable[Any] | None = None, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        """Pass on everything."""
        documents, count, size, seconds = iter(data or ()), 0, 0, 0.0
        while True:
            started = time.perf_counter()
            document = next(documents, None)
            seconds += time.perf_counter() - started
            if document is None:
                break
            count += 1
            size += len(document.text.encode())
            yield document
        for label, value in (("documents", count), ("bytes", size), ("seconds", seconds)):
            self.count(label, value=value)
