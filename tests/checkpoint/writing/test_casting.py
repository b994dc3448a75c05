"""Casts give what torch gives, to the bit; of a NaN only that it is one counts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from vocabx.checkpoint.safetensors_file import ROW_TYPES
from vocabx.checkpoint.writing import casting
from vocabx.checkpoint.writing.casting import cast, cast_in_steps, is_exact
from vocabx.core.errors import CheckpointError

TORCH = {
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}
TARGETS = ("F32", "F16", "BF16")
pytestmark = pytest.mark.torch


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with np.errstate(invalid="ignore"):  # some NaN of bfloat16 signal when they are looked at
        yield


def every_kind(dtype: str) -> NDArray[Any]:
    """Every number of a type of 8 or 16 bits; of others random bits, halves between neighbours, and edges."""
    size = ROW_TYPES[dtype].itemsize
    if size <= 2:
        return np.arange(256**size, dtype=f"<u{size}").view(ROW_TYPES[dtype])
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2 ** (8 * size), 200_000, dtype=f"u{size}").view(ROW_TYPES[dtype])
    half = np.arange(0, 2**16, dtype=np.uint16)
    with np.errstate(all="ignore"):
        edges = [half.view(kind).astype(dtype_of(dtype)) for kind in (np.float16, ml_dtypes.bfloat16)]
        ties = [(edge[:-1] + edge[1:]) / 2 for edge in edges]
        close = [np.nextafter(tie, np.inf, dtype=tie.dtype) for tie in ties]
    return np.concatenate([bits, *edges, *ties, *close, np.array([0.0, -0.0, 65519.9, 65520], bits.dtype)])


def dtype_of(dtype: str) -> Any:
    return ROW_TYPES[dtype]


def by_torch(numbers: NDArray[Any], before: str, after: str) -> NDArray[Any]:
    import torch

    raw = torch.from_numpy(numbers.view(np.uint8).copy()).view(getattr(torch, TORCH[before]))
    made = raw.to(getattr(torch, TORCH[after])).contiguous()
    return made.view(torch.uint8).numpy().view(ROW_TYPES[after])


@pytest.mark.parametrize("after", TARGETS)
@pytest.mark.parametrize("before", TORCH)
def test_every_cast_is_torchs_to_the_bit(before: str, after: str) -> None:
    numbers = every_kind(before)
    expected = by_torch(numbers, before, after)
    kept = ~(np.isfinite(numbers) & np.isinf(expected))
    numbers, expected = numbers[kept], expected[kept]
    got = cast("x", numbers, after)
    is_nan = np.isnan(expected)
    assert np.array_equal(np.isnan(got), is_nan)
    assert np.array_equal(np.isnan(numbers), is_nan)
    unsigned = f"u{got.itemsize}"
    assert np.array_equal(got[~is_nan].view(unsigned), expected[~is_nan].view(unsigned))


@pytest.mark.parametrize("after", ["F8_E4M3", "F8_E5M2"])
def test_rounding_to_eight_bits_is_torchs_up_to_where_that_of_versions_differs(after: str) -> None:
    numbers = every_kind("F32")
    numbers = numbers[~(np.abs(numbers) > {"F8_E4M3": 464, "F8_E5M2": np.inf}[after])]
    expected = by_torch(numbers, "F32", after)
    with np.errstate(all="ignore"):
        got = numbers.astype(ROW_TYPES[after])
    is_nan = np.isnan(expected)
    assert np.array_equal(np.isnan(got), is_nan)
    assert np.array_equal(got[~is_nan].view("u1"), expected[~is_nan].view("u1"))


@pytest.mark.parametrize("before", TORCH)
@pytest.mark.parametrize("after", TARGETS)
def test_exact_is_what_casts_back_to_the_same_numbers(before: str, after: str) -> None:
    numbers = every_kind(before)
    finite = numbers[np.isfinite(numbers)]
    with np.errstate(all="ignore"):
        back = finite.astype(ROW_TYPES[after]).astype(ROW_TYPES[before])
    assert is_exact(before, after) == np.array_equal(back.view("u1"), finite.view("u1"))


@pytest.mark.parametrize(
    ("number", "before", "after"), [(65520.0, "F32", "F16"), (1e300, "F64", "F32"), (3.4e38, "F32", "BF16")]
)
def test_a_number_that_becomes_infinite_is_refused_by_name(number: float, before: str, after: str) -> None:
    numbers = np.array([1.0, np.inf, -number], ROW_TYPES[before])
    with pytest.raises(CheckpointError, match=rf"^model.norm holds numbers up to {number:g}".replace("+", r"\+")):
        cast("model.norm", numbers, after)
    assert np.isinf(cast("model.norm", numbers[:2], after)[1])


def test_a_file_is_cast_block_by_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(casting, "NUMBERS_AT_ONCE", 7)
    numbers = np.linspace(-3, 3, 100, dtype=np.float32)
    (tmp_path / "source").write_bytes(b"head" + numbers.tobytes() + b"tail")
    (tmp_path / "sink").write_bytes(b"." * 210)
    with (tmp_path / "source").open("rb") as source, (tmp_path / "sink").open("r+b") as sink:
        counts = list(cast_in_steps("x", source.fileno(), sink.fileno(), 4, 404, 10, "F32", "BF16"))
        assert os.lseek(sink.fileno(), 0, os.SEEK_CUR) == 0
    assert sum(counts) == 200
    assert (tmp_path / "sink").read_bytes() == b"." * 10 + numbers.astype(ml_dtypes.bfloat16).tobytes()


def test_a_file_that_becomes_shorter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"1234")
    with (
        (tmp_path / "source").open("rb") as source,
        (tmp_path / "sink").open("w+b") as sink,
        pytest.raises(CheckpointError, match="became shorter while it was read"),
    ):
        list(cast_in_steps("x", source.fileno(), sink.fileno(), 0, 8, 0, "F32", "F16"))
