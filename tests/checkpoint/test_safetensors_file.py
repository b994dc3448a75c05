from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.checkpoint.models import Arrays
from vocabx.checkpoint.safetensors_file import TensorEntry, encode_header, map_tensor, read_header
from vocabx.core.errors import CheckpointError


def entry(dtype: str = "F32", shape: Any = (2, 3), offsets: Any = (0, 24)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def write(path: Path, header: object, data: bytes = bytes(24)) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


def test_a_header_says_where_each_tensor_is(path: Path) -> None:
    arrays: Arrays = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.arange(4, dtype=np.float16)}
    save_file(arrays, path, metadata={"format": "pt"})
    file = read_header(path)
    assert file.metadata == {"format": "pt"}
    assert file.size == path.stat().st_size
    assert file.entries.keys() == arrays.keys()
    for name, array in arrays.items():
        found = file.entries[name]
        assert found.shape == array.shape
        assert path.read_bytes()[found.begin : found.end] == array.tobytes()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ml_dtypes.bfloat16])
def test_a_tensor_is_mapped_in_its_stored_type_and_read_only(path: Path, dtype: Any) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    code = {"float16": "F16", "float32": "F32", "float64": "F64", "bfloat16": "BF16"}[array.dtype.name]
    write(path, {"a": entry(code, (2, 3), (0, array.nbytes))}, array.tobytes())
    mapped = map_tensor(path, read_header(path).entries["a"])
    assert mapped.dtype == array.dtype
    assert np.array_equal(mapped, array)
    assert not mapped.flags.writeable


@pytest.mark.parametrize("metadata", [None, {"format": "pt", "Größe": "한"}])
def test_what_is_encoded_is_read_back_by_the_formats_own_reader(path: Path, metadata: dict[str, str] | None) -> None:
    entries = [TensorEntry("z", "F32", (2, 3), 0, 24), TensorEntry("a", "F16", (0, 3), 24, 24)]
    head = encode_header(entries, metadata)
    path.write_bytes(head + bytes(24))
    assert len(head) % 8 == 0
    assert {name: array.shape for name, array in load_file(path).items()} == {"z": (2, 3), "a": (0, 3)}
    file = read_header(path)
    assert list(file.entries) == ["z", "a"]
    assert file.metadata == metadata


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"{no", "its header is not JSON"),
        (b"\xff\xfe", "its header is not JSON"),
        (b"[]", "its header is not an object"),
        ({"__metadata__": []}, "its header is not an object"),
        ({"a": []}, "tensor a has a malformed header entry"),
        ({"a": entry(shape=(2, "3"))}, "tensor a has a malformed header entry"),
        ({"a": entry(shape=(-2, -3))}, "tensor a has a malformed header entry"),
        ({"a": entry(offsets=(0, 24, 48))}, "tensor a has a malformed header entry"),
        ({"a": entry(dtype="F33")}, "tensor a has the unknown type 'F33'"),
        ({"a": entry(dtype="F16")}, r"tensor a spans bytes 0 to 24, which does not fit shape \(2, 3\) of F16"),
        ({"a": entry(offsets=(-24, 0))}, "tensor a spans bytes -24 to 0"),
        ({"a": entry(offsets=(24, 48))}, "cut short: tensor a ends after the file does"),
        ({"a": entry(), "b": entry()}, "tensor b overlaps another tensor at byte"),
        ({"b": entry(shape=(2,), offsets=(16, 24))}, "tensor b follows a hole at byte"),
        ({"a": entry(shape=(2,), offsets=(0, 8))}, "16 bytes after its last tensor"),
    ],
)
def test_a_broken_header_is_refused_in_a_sentence(path: Path, header: object, message: str) -> None:
    write(path, header)
    with pytest.raises(CheckpointError, match=message):
        read_header(path)


@pytest.mark.parametrize("size", [0, 5, 8, 20])
def test_a_truncated_file_is_refused(path: Path, size: int) -> None:
    write(path, {"a": entry()})
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(CheckpointError, match="is cut short: its header does not fit"):
        read_header(path)


def test_a_file_that_lost_its_end_is_refused(path: Path) -> None:
    write(path, {"a": entry()}, bytes(23))
    with pytest.raises(CheckpointError, match="is cut short: tensor a ends after the file does"):
        read_header(path)


def test_a_header_beyond_the_formats_limit_is_refused(path: Path) -> None:
    with path.open("wb") as file:
        file.write((200_000_000).to_bytes(8, "little"))
        file.truncate(200_000_100)
    with pytest.raises(CheckpointError, match="its header would be 200000000 bytes long"):
        read_header(path)


def test_a_missing_file_is_a_sentence(path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read: No such file"):
        read_header(path)


@pytest.mark.parametrize(("dtype", "shape"), [("I8", (24,)), ("F8_E8M0", (24,)), ("F4", (48,)), ("I64", (3,))])
def test_types_without_arithmetic_are_listed_but_not_mapped(path: Path, dtype: str, shape: tuple[int]) -> None:
    write(path, {"a": entry(dtype, shape)})
    found = read_header(path).entries["a"]
    with pytest.raises(CheckpointError, match=f"tensor a is stored as {dtype}.*unquantised"):
        map_tensor(path, found)


def test_a_file_that_vanished_cannot_be_mapped(path: Path) -> None:
    write(path, {"a": entry()})
    found = read_header(path).entries["a"]
    path.unlink()
    with pytest.raises(CheckpointError, match="tensor a cannot be mapped"):
        map_tensor(path, found)
