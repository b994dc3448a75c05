from __future__ import annotations

from pathlib import Path

import pytest

from tests.comparison.made import compared
from vocabx.comparison.picture import draw_comparison

METHODS = {"random:scale=2": 3.0, "mean": 2.5}


@pytest.mark.parametrize("source", [1.0, None])
@pytest.mark.parametrize("trained", [{"random:scale=2": [2.0, 2.1], "mean": [1.5, 1.6]}, None])
def test_a_picture_is_written_with_the_same_bytes_each_time(
    tmp_path: Path, trained: dict[str, list[float]] | None, source: float | None
) -> None:
    pytest.importorskip("matplotlib")
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    for file in (first, second):
        draw_comparison(compared(METHODS, trained, source), file)
    assert first.read_bytes() == second.read_bytes()
    assert "<svg" in first.read_text()
