from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from vocabx.checkpoint.writing.copying import Progress
from vocabx.checkpoint.writing.together import write_together


def writer(size: int) -> Callable[[Progress], None]:
    def write(progress: Progress) -> None:
        for _ in range(size):
            progress(1)

    return write


def test_all_files_are_written_and_every_byte_is_told() -> None:
    counts: list[int] = []
    write_together([writer(size) for size in (300, 0, 200, 500)], counts.append)
    assert sum(counts) == 1000


def test_nothing_to_write_is_nothing_to_wait_for() -> None:
    write_together([], list[int]().append)


def test_where_one_fails_the_others_are_given_up() -> None:
    told, gone_on = threading.Event(), list[int]()

    def fail(progress: Progress) -> None:
        told.wait(5)
        raise OSError("the disk is full")

    def write(progress: Progress) -> None:
        for number in range(10_000):
            gone_on.append(number)
            progress(1)
            told.set()
            threading.Event().wait(0.001)

    with pytest.raises(OSError, match="the disk is full"):
        write_together([write, fail, writer(10)], lambda count: None)
    assert len(gone_on) < 10_000


def test_progress_that_stops_the_work_stops_all_of_it() -> None:
    def stop(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_together([writer(10), writer(10)], stop)
