"""Write several files at once, and give all of them up where one fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from vocabx.checkpoint.writing.copying import Progress

__all__ = ["FILES_AT_ONCE", "write_together"]

FILES_AT_ONCE = 2
"""One core copies at half the speed of two."""


class _GivenUpError(Exception):
    """Another file has failed, or the user has stopped the work."""


def write_together(tasks: Sequence[Callable[[Progress], None]], progress: Progress) -> None:
    """Run tasks, each of which tells the function that it is given how many bytes it has written.

    `progress` is told by one thread at a time. The first error is raised once every other task has noticed it, which
    is the next time that it tells its progress.
    """
    lock, stop = threading.Lock(), threading.Event()

    def count(size: int) -> None:
        if stop.is_set():
            raise _GivenUpError
        with lock:
            progress(size)

    with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
        running = [pool.submit(task, count) for task in tasks]
        try:
            done, _ = wait(running, return_when=FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            stop.set()
            for task in running:
                task.cancel()
