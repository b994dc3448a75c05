"""Bytes are compared block by block, whatever their size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from vocabx.checkpoint.read import StoredTensor
from vocabx.checkpoint.safetensors_file import read_header
from vocabx.verification import bits


def stored(path: Path, array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> StoredTensor:
    save_file({"before": np.zeros(3, np.uint8), "rows": array}, path)
    return StoredTensor(path, read_header(path).entries["rows"])


@given(rows=st.integers(1, 40), unit=st.integers(1, 9), block=st.integers(1, 64), data=st.data())
def test_exactly_the_units_that_differ_are_found(
    tmp_path_factory: pytest.TempPathFactory, rows: int, unit: int, block: int, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("bits")
    array = np.random.default_rng(0).integers(0, 256, (rows, unit), np.uint8)
    damaged = data.draw(st.sets(st.integers(0, rows - 1)))
    other = array.copy()
    for row in damaged:
        other[row, data.draw(st.integers(0, unit - 1))] ^= 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bits, "BLOCK_BYTES", block)
        one, two = stored(folder / "one", array), stored(folder / "two", other)
        assert list(bits.differing_units(one, two, array.nbytes, unit)) == sorted(damaged)


def test_only_the_bytes_asked_for_are_compared(tmp_path: Path) -> None:
    one = stored(tmp_path / "one", np.array([[1], [2], [3]], np.uint8))
    two = stored(tmp_path / "two", np.array([[1], [2], [4]], np.uint8))
    assert list(bits.differing_units(one, two, 2, 1)) == []
