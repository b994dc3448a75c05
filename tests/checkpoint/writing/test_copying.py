from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vocabx.checkpoint.writing import copying
from vocabx.checkpoint.writing.background import Background
from vocabx.checkpoint.writing.copying import copy_bytes, write_bytes
from vocabx.core.errors import CheckpointError

DATA = bytes(range(256)) * 40


def copied(directory: Path, begin: int, end: int) -> tuple[bytes, list[int]]:
    (directory / "source").write_bytes(DATA)
    counts: list[int] = []
    with (directory / "source").open("rb") as source, (directory / "sink").open("wb", buffering=0) as sink:
        write_bytes(sink.fileno(), b"head")
        copy_bytes(source.fileno(), sink.fileno(), begin, end, counts.append)
    return (directory / "sink").read_bytes(), counts


def failing(number: int) -> Callable[..., int]:
    def fail(*args: object) -> int:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("broken", [(), ("_copy_file_range",), ("_copy_file_range", "_sendfile")])
@pytest.mark.parametrize("number", [errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP])
def test_bytes_are_copied_whatever_the_kernel_can_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: tuple[str, ...], number: int
) -> None:
    monkeypatch.setattr(copying, "BYTES_PER_STEP", 1000)
    for name in broken:
        monkeypatch.setattr(copying, name, failing(number))
    data, counts = copied(tmp_path, 3, 5003)
    assert data == b"head" + DATA[3:5003]
    assert sum(counts) == 5000
    assert max(counts) <= 1000


def test_bytes_are_copied_where_the_kernel_offers_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "copy_file_range")
    monkeypatch.delattr(os, "sendfile")
    assert copied(tmp_path, 0, len(DATA))[0] == b"head" + DATA


def test_a_copy_that_breaks_off_goes_on_in_another_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = copying._copy_file_range
    calls: Iterator[Callable[..., int]] = iter([first, failing(errno.EINVAL)])
    monkeypatch.setattr(copying, "BYTES_PER_STEP", 1000)
    monkeypatch.setattr(copying, "_copy_file_range", lambda *args: next(calls)(*args))
    assert copied(tmp_path, 0, 5000)[0] == b"head" + DATA[:5000]


def test_other_errors_are_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_copy_file_range", failing(errno.ENOSPC))
    with pytest.raises(OSError, match="No space left"):
        copied(tmp_path, 0, 10)


def test_a_source_that_became_shorter_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="became shorter while it was copied"):
        copied(tmp_path, 0, len(DATA) + 1)


def test_nothing_is_copied_from_an_empty_range(tmp_path: Path) -> None:
    assert copied(tmp_path, 7, 7) == (b"head", [])


def test_background_tasks_run_in_order_and_their_progress_counts() -> None:
    order: list[str] = []

    def task(name: str) -> Iterator[int]:
        for _ in range(3):
            order.append(name)
            yield 5

    counts: list[int] = []
    with Background(counts.append) as background:
        background.run(task("a"))
        background.run(task("b"))
        background.report(1)
    assert order == ["a", "a", "a", "b", "b", "b"]
    assert sum(counts) == 31


def test_an_error_in_the_background_reaches_the_front() -> None:
    def task() -> Iterator[int]:
        yield 1
        raise CheckpointError("from behind")

    def wait() -> None:
        with Background(lambda count: None) as background:
            background.run(task())
            while True:
                background.report(0)

    with pytest.raises(CheckpointError, match="from behind"):
        wait()


def test_an_error_in_front_stops_the_background() -> None:
    def endless() -> Iterator[int]:
        while True:
            yield 1

    def fail() -> None:
        with Background(lambda count: None) as background:
            background.run(endless())
            background.run(endless())
            raise KeyboardInterrupt("in front")

    with pytest.raises(KeyboardInterrupt, match="in front"):
        fail()
