from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from vocabx.core.threads import map_in_order


def test_results_come_in_the_order_of_the_items() -> None:
    later = threading.Event()

    def wait_or_signal(item: int) -> int:
        if item == 0:
            later.wait(0.2)
        later.set()
        return item * item

    assert list(map_in_order(wait_or_signal, range(20))) == [item * item for item in range(20)]


def test_a_stream_is_read_only_as_far_as_results_are_taken() -> None:
    taken = []

    def items() -> Iterator[int]:
        for item in range(10_000):
            taken.append(item)
            yield item

    results = map_in_order(abs, items())
    assert next(results) == 0
    assert len(taken) < 1_000
    results.close()  # type: ignore[attr-defined]  # it is a generator


def test_an_error_reaches_the_caller() -> None:
    def fail(item: int) -> int:
        if item == 3:
            raise ValueError("three")
        return item

    with pytest.raises(ValueError, match="three"):
        list(map_in_order(fail, range(10)))
