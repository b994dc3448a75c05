"""Work beside the main thread, given up when the main thread fails and the other way round."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import takewhile
from types import TracebackType
from typing import Self

from vocabx.checkpoint.writing.copying import Progress

__all__ = ["Background"]


class Background:
    """Threads that take tasks in order, one unless more are asked for.

    A task yields how many bytes it has written since its last step.
    """

    def __init__(self, progress: Progress, threads: int = 1) -> None:
        self._progress = progress
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(threads)
        self._waiting: list[Future[int]] = []

    def run(self, steps: Iterator[int]) -> Future[int]:
        """Queue a task; its result is the sum of its steps."""
        self._waiting.append(self._pool.submit(self._exhaust, steps))
        return self._waiting[-1]

    def report(self, count: int) -> None:
        """Pass on progress of the main thread and of finished tasks; raise what a task has raised."""
        while self._waiting and self._waiting[0].done():
            count += self._waiting.pop(0).result()
        self._progress(count)

    def _exhaust(self, steps: Iterator[int]) -> int:
        try:
            return sum(takewhile(lambda _: not self._stop.is_set(), steps))
        except BaseException:
            self._stop.set()  # later tasks may build on this one
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for task in self._waiting if kind is None else ():
                self._progress(task.result())
        finally:
            self._stop.set()
            self._pool.shutdown(cancel_futures=True)
