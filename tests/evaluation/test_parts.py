from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vocabx.core.errors import OutputError
from vocabx.evaluation.parts import NOT_KEPT, Parts


def counted() -> tuple[list[int], Any]:
    calls: list[int] = []

    def work() -> dict[str, Any]:
        calls.append(1)
        return {"numbers": [0.1, 1 / 3]}

    return calls, work


def test_a_part_is_made_once_and_read_to_the_bit(tmp_path: Path) -> None:
    calls, work = counted()
    parts = Parts.beside(tmp_path / "result.json")
    first, again = parts.recall("a" * 64, work), parts.recall("a" * 64, work)
    assert first.content == again.content == {"numbers": [0.1, 1 / 3]}
    assert (first.was_kept, again.was_kept) == (False, True)
    assert 0 < first.seconds == again.seconds
    assert len(calls) == 1
    parts.recall("b" * 64, work)
    assert len(calls) == 2
    assert [path.name for path in tmp_path.iterdir()] == [".result.json.parts"]
    parts.clear()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"fingerprint": "another"}', f'{{"fingerprint": "{"a" * 64}", "numbers": [1]}}']
)
def test_a_damaged_part_is_made_again(tmp_path: Path, content: str) -> None:
    calls, work = counted()
    parts = Parts(tmp_path)
    parts.recall("a" * 64, work)
    next(tmp_path.iterdir()).write_text(content)
    parts.recall("a" * 64, work)
    assert len(calls) == 2


def test_without_a_place_nothing_is_kept() -> None:
    calls, work = counted()
    assert not NOT_KEPT.are_kept
    assert not NOT_KEPT.recall("a", work).was_kept
    assert not NOT_KEPT.recall("a", work).was_kept
    NOT_KEPT.clear()
    assert len(calls) == 2


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Choose another --out"):
        Parts(tmp_path / "file" / "parts").recall("a", dict)
