from __future__ import annotations

import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocabx.core.arrays import Ragged, check_shape, let_go, row_blocks
from vocabx.core.errors import InputError


@given(st.lists(st.lists(st.integers(0, 9))))
def test_ragged_rows_are_the_lists_they_were_made_of(rows: list[list[int]]) -> None:
    ragged = Ragged.from_rows(rows)
    assert len(ragged) == len(rows)
    assert [ragged[row].tolist() for row in range(len(rows))] == rows
    assert [row.tolist() for row in ragged] == rows  # type: ignore[attr-defined]  # Python iterates by index
    assert ragged.lengths.tolist() == [len(row) for row in rows]
    assert ragged.row_of_value.tolist() == [number for number, row in enumerate(rows) for _ in row]
    assert ragged.values.dtype == ragged.starts.dtype == np.int64


def test_a_negative_row_counts_from_the_end() -> None:
    ragged = Ragged.from_rows([[1], [2, 3]])
    assert ragged[-1].tolist() == [2, 3]
    assert ragged[-2].tolist() == [1]


def test_a_row_that_is_not_there_is_an_index_error() -> None:
    with pytest.raises(IndexError, match="out of bounds"):
        Ragged.from_rows([[1]])[1]


@pytest.mark.parametrize(
    ("expected", "shown"), [((2, 4), "2, 4"), ((3, None), "3, any"), ((2,), "2"), ((2, 3, 1), "2, 3, 1")]
)
def test_a_wrong_shape_is_named_with_the_right_one(expected: tuple[int | None, ...], shown: str) -> None:
    with pytest.raises(InputError, match=rf"^rows: expected shape \({shown}\), got \(2, 3\)$"):
        check_shape("rows", np.zeros((2, 3)), *expected)


@pytest.mark.parametrize("expected", [(2, 3), (None, 3), (None, None)])
def test_a_right_shape_passes(expected: tuple[int | None, ...]) -> None:
    check_shape("rows", np.zeros((2, 3)), *expected)


def test_blocks_are_all_rows_in_order_in_float32() -> None:
    matrix = np.arange(10).reshape(5, 2).astype(ml_dtypes.bfloat16)
    blocks = list(row_blocks(matrix, 2))
    assert [start for start, _ in blocks] == [0, 2, 4]
    assert all(block.dtype == np.float32 for _, block in blocks)
    np.testing.assert_array_equal(np.concatenate([block for _, block in blocks]), np.arange(10).reshape(5, 2))


def _mapped_bytes(path: Path) -> int:
    """Return how much of a file this process has mapped into its memory."""
    lines = Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines()
    begins = [number for number, line in enumerate(lines) if line.endswith(str(path))]
    return sum(int(lines[begin + 4].split()[1]) for begin in begins if lines[begin + 4].startswith("Rss:"))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_matrix_that_is_let_go_leaves_memory_and_keeps_its_values(tmp_path: Path) -> None:
    path = tmp_path / "rows.npy"
    np.save(path, np.arange(2**20, dtype=np.float32).reshape(1024, 1024))
    matrix = np.load(path, mmap_mode="r")
    total = float(matrix.sum(dtype=np.float64))
    assert _mapped_bytes(path) >= 4000
    let_go(matrix[10:].view(np.int32))
    assert _mapped_bytes(path) < 400
    assert float(matrix.sum(dtype=np.float64)) == total


def test_what_was_written_to_a_mapped_matrix_is_not_let_go(tmp_path: Path) -> None:
    path = tmp_path / "rows.npy"
    np.save(path, np.zeros((4, 4), np.float32))
    for mode in ("c", "r+"):
        matrix = np.load(path, mmap_mode=mode)
        matrix[:] = 7
        view = matrix[1:]
        view.flags.writeable = False
        let_go(view)
        assert matrix.tolist() == [[7.0] * 4] * 4
    let_go(np.zeros(3))
