"""How weights are stored: linked files, cast files, and what says so beside them."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.checkpoint.models import (
    HEAD,
    INPUT,
    LLAMA,
    PLAN,
    Arrays,
    checksums,
    expected_rows,
    llama_tensors,
    load_model,
    mean_row,
    random_alignment,
    save_model,
    save_sharded,
    save_two_shards,
)
from vocabx.checkpoint import bytes_to_write, check_storage, open_checkpoint, staged_directory, write_checkpoint
from vocabx.checkpoint.safetensors_file import ROW_TYPES, read_header
from vocabx.checkpoint.writing.storage import Storage
from vocabx.core.errors import CheckpointError, InputError, OutputError
from vocabx.core.initialization import Initialization

RULES = [random_alignment(seed=seed) for seed in range(3)]
MADE = Initialization(*RULES)
UNTOUCHED, TOUCHED = "model-1.safetensors", "model-2.safetensors"
INDEX = "model.safetensors.index.json"
NAMES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def resize(source: Path, target: Path, storage: Storage, force: bool = False) -> Path:
    checkpoint, counts = open_checkpoint(source), list[int]()
    with staged_directory(target, force=force, protect=[source]) as out:
        check_storage(checkpoint, storage, out)
        write_checkpoint(checkpoint, PLAN, MADE, out, padding=mean_row(), storage=storage, progress=counts.append)
    assert sum(counts) == bytes_to_write(checkpoint, PLAN, storage=storage)
    return target


def inode(path: Path) -> int:
    return path.stat().st_ino


def test_hard_links_share_what_does_not_change_and_nothing_else(tmp_path: Path) -> None:
    source = save_two_shards(tmp_path / "source")
    copied = resize(source, tmp_path / "copied", Storage())
    linked = resize(source, tmp_path / "linked", Storage("hardlink"))
    assert checksums(linked) == checksums(copied)
    assert inode(linked / UNTOUCHED) == inode(source / UNTOUCHED) != inode(copied / UNTOUCHED)
    assert inode(linked / TOUCHED) != inode(source / TOUCHED)
    assert [file.stat().st_nlink for file in sorted(linked.iterdir())] == [1, 1, 2, 1, 1]


def test_a_link_of_the_hubs_cache_is_followed_to_its_file(tmp_path: Path) -> None:
    blobs = save_two_shards(tmp_path / "blobs")
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    for file in blobs.iterdir():
        (snapshot / file.name).symlink_to(file)
    linked = resize(snapshot, tmp_path / "linked", Storage("hardlink"))
    assert inode(linked / UNTOUCHED) == inode(blobs / UNTOUCHED)
    assert not (linked / UNTOUCHED).is_symlink()


def test_replacing_or_removing_an_output_with_links_leaves_the_base_whole(tmp_path: Path) -> None:
    source = save_two_shards(tmp_path / "source")
    before = checksums(source)
    target = resize(source, tmp_path / "target", Storage("hardlink"))
    resize(source, target, Storage("hardlink"), force=True)
    resize(source, target, Storage(), force=True)
    assert checksums(source) == before
    assert {file.stat().st_nlink for file in source.iterdir()} == {1}


def test_a_run_that_fails_leaves_the_base_whole(tmp_path: Path) -> None:
    source = save_two_shards(tmp_path / "source")
    before = checksums(source)
    wrong = Initialization.shared(random_alignment(9))
    with pytest.raises(InputError), staged_directory(tmp_path / "target") as out:
        write_checkpoint(open_checkpoint(source), PLAN, wrong, out, padding=mean_row(), storage=Storage("hardlink"))
    assert checksums(source) == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["source"]


@pytest.mark.torch
def test_saving_a_trained_model_over_a_linked_one_leaves_the_base_whole(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    source = save_two_shards(tmp_path / "source")
    before = checksums(source)
    linked = resize(source, tmp_path / "linked", Storage("hardlink"))
    tensors = {name: tensor + 1 for name, tensor in load_file(linked / UNTOUCHED).items()}
    save_file(tensors, linked / UNTOUCHED)
    assert checksums(source) == before


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EXDEV, "they lie on different file systems"),
        (errno.EPERM, "the file system cannot do it, or the file is not yours"),
        (errno.ENOSPC, os.strerror(errno.ENOSPC)),
    ],
)
def test_a_hard_link_that_cannot_be_made_is_refused_with_a_reason(
    number: int, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = save_two_shards(tmp_path / "source")

    def link(path: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number), str(path), None, str(target))

    monkeypatch.setattr(os, "link", link)
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match=rf"{UNTOUCHED} cannot be hard-linked to the output: {reason}\. Choose"):
        check_storage(open_checkpoint(source), Storage("hardlink"), tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_a_clone_is_asked_for_by_file_and_refused_where_the_file_system_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    source = save_two_shards(tmp_path / "source")
    asked = list[int]()

    def ioctl(sink: int, request: int, origin: int) -> None:
        asked.append(request)
        os.write(sink, os.pread(origin, 1 << 20, 0))

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    target = resize(source, tmp_path / "target", Storage("reflink"))
    assert checksums(target) == checksums(resize(source, tmp_path / "copied", Storage()))
    assert set(asked) == {0x40049409}

    def refuse(sink: int, request: int, origin: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "")

    monkeypatch.setattr(fcntl, "ioctl", refuse)
    with pytest.raises(OutputError, match=rf"{UNTOUCHED} cannot be cloned .*: the file system cannot do it\. Choose"):
        resize(source, tmp_path / "none", Storage("reflink"))
    assert not (tmp_path / "none").exists()


def test_it_is_said_how_many_files_are_shared(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    two = open_checkpoint(save_two_shards(tmp_path / "two"))
    one = open_checkpoint(save_model(tmp_path / "one", llama_tensors()))
    said = "weight files hard-linked: base and output share them"
    assert check_storage(two, Storage("hardlink"), tmp_path / "out") == f"1 of 2 {said}"
    assert check_storage(one, Storage("hardlink"), tmp_path / "out").startswith("none of 1: every weight file holds")
    assert check_storage(one, Storage()) == ""


def test_a_cast_that_leaves_no_file_to_link_is_refused(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(save_two_shards(tmp_path / "source"))
    with pytest.raises(InputError, match="A cast to float16 changes every weight file, so that there is none to hard"):
        check_storage(checkpoint, Storage("hardlink", "float16"))
    assert check_storage(checkpoint, Storage("hardlink", "float32")).startswith("1 of 2 ")


@pytest.mark.parametrize("settings", [{"shards": "move"}, {"dtype": "int8"}, {"dtype": "F16"}])
def test_what_is_not_known_is_refused(settings: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"copy, hardlink, reflink|float32, float16, bfloat16"):
        Storage(**settings)


def mixed_tensors(dtype: Any) -> Arrays:
    """Tensors of several types, with an odd number of bytes before others."""
    rng = np.random.default_rng(3)
    return {
        **llama_tensors(dtype),
        "a.flags": np.array([True, False, True]),
        "a.steps": np.array(7, np.int64),
        "b.wide": rng.normal(size=(3, 5)),
        "b.none": np.empty((0, 4), np.float32),
        "c.narrow": rng.normal(size=(9, 3)).astype(np.float16),
    }


def cast_by_numpy(array: NDArray[Any], dtype: str) -> NDArray[Any]:
    return array.astype(np.float32).astype(ROW_TYPES[dtype]) if array.dtype.kind not in "bi" else array


@pytest.mark.torch
@pytest.mark.parametrize("after", NAMES)
@pytest.mark.parametrize("before", [np.float32, np.float16, ml_dtypes.bfloat16, np.float64])
def test_all_floating_point_tensors_are_cast_as_torch_casts_and_others_stay(
    before: Any, after: str, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    tensors = mixed_tensors(before)
    source = save_model(tmp_path / "source", tensors)
    target = resize(source, tmp_path / "target", Storage(dtype=NAMES[after]))
    assert read_header(target / "model.safetensors").metadata == {"format": "pt"}
    import torch

    old, new = (load_file(directory / "model.safetensors") for directory in (source, target))
    for name, tensor in old.items():
        expected = tensor.to(getattr(torch, NAMES[after])) if tensor.is_floating_point() else tensor
        kept = PLAN.tokens_before if name in (INPUT, HEAD) else None
        assert new[name].dtype == expected.dtype
        assert torch.equal(new[name][:kept] if kept else new[name], expected[:kept] if kept else expected), name
    for name, rule in ((INPUT, RULES[0]), (HEAD, RULES[1])):
        for part, made in ((slice(97, 107), rule), (slice(107, 112), mean_row())):
            rows = torch.from_numpy(made.apply(tensors[name][:97])).to(getattr(torch, NAMES[after]))
            assert torch.equal(new[name][part], rows.expand(part.stop - part.start, -1))


def test_a_cast_index_adds_up_and_keeps_files_and_order(tmp_path: Path) -> None:
    source = save_two_shards(tmp_path / "source")
    target = resize(source, tmp_path / "target", Storage(dtype="bfloat16"))
    old, new = (json.loads((directory / INDEX).read_text()) for directory in (source, target))
    tensors = load_model(target)
    assert new["weight_map"] == old["weight_map"]
    assert new["metadata"]["total_size"] == sum(array.nbytes for array in tensors.values())
    assert new["metadata"]["total_parameters"] == sum(array.size for array in tensors.values())
    for name in (UNTOUCHED, TOUCHED):
        assert list(read_header(target / name).entries) == list(read_header(source / name).entries)


def test_a_cast_to_the_type_that_is_stored_changes_no_byte_of_the_weights(tmp_path: Path) -> None:
    source = save_two_shards(tmp_path / "source")
    plain, cast = (
        resize(source, tmp_path / name, Storage(dtype=dtype)) for name, dtype in (("a", None), ("b", "float32"))
    )
    found = {name: checksum for name, checksum in checksums(cast).items() if name != "config.json"}
    assert found.items() <= checksums(plain).items()


def test_a_tied_head_in_another_file_is_cast_from_the_inputs_rows(tmp_path: Path) -> None:
    tensors = llama_tensors()
    shards = {"a.safetensors": {INPUT: tensors[INPUT]}, "b.safetensors": {HEAD: tensors[INPUT]}}
    source = save_sharded(tmp_path / "source", shards, LLAMA | {"tie_word_embeddings": True})
    got = load_model(resize(source, tmp_path / "target", Storage(dtype="float16")))
    assert np.array_equal(got[HEAD], got[INPUT])
    assert np.array_equal(got[INPUT][:97], tensors[INPUT][:97].astype(np.float16))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"dtype": "float16"}),
        ({"torch_dtype": "float32"}, {"torch_dtype": "float16"}),
        (
            {"dtype": "float32", "text_config": {"vocab_size": 100, "dtype": "float32"}, "vision_config": {"a": 1}},
            {"dtype": "float16", "text_config": {"vocab_size": 112, "dtype": "float16"}, "vision_config": {"a": 1}},
        ),
    ],
)
def test_the_configuration_names_the_type_where_it_named_one(
    before: dict[str, Any], after: dict[str, Any], tmp_path: Path
) -> None:
    source = save_model(tmp_path / "source", llama_tensors(), LLAMA | before)
    target = resize(source, tmp_path / "target", Storage(dtype="float16"))
    assert json.loads((target / "config.json").read_text()) == LLAMA | after | {"vocab_size": 112}


@pytest.mark.parametrize("name", ["model.norm.weight", INPUT])
def test_an_overflow_names_its_tensor_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    tensors = llama_tensors()
    tensors[name].reshape(-1)[5] = 7e4
    source = save_model(tmp_path / "source", tensors)
    with pytest.raises(CheckpointError, match=rf"^{name} holds numbers up to 70000, which F16 cannot\. Choose another"):
        resize(source, tmp_path / "target", Storage(dtype="float16"))
    assert not (tmp_path / "target").exists()


def test_a_type_with_scales_of_its_own_is_not_cast(tmp_path: Path) -> None:
    source = save_model(tmp_path / "source", llama_tensors())
    path = source / "model.safetensors"
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    end = max(entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__")
    header["x.scale"] = {"dtype": "F8_E8M0", "shape": [4], "data_offsets": [end, end + 4]}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :] + b"1234")
    checkpoint = open_checkpoint(source)
    with pytest.raises(
        CheckpointError, match=r"Tensor x.scale is stored as F8_E8M0, and a cast to float16 starts from"
    ):
        check_storage(checkpoint, Storage(dtype="float16"))


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2"])
def test_rows_of_eight_bits_are_made_and_rounded_as_torch_rounds(dtype: str, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    tensors = {name: torch.from_numpy(array).to(getattr(torch, dtype)) for name, array in llama_tensors().items()}
    source = save_model(tmp_path / "source", llama_tensors())
    save_file(tensors, source / "model.safetensors")
    target = resize(source, tmp_path / "target", Storage())
    got = load_file(target / "model.safetensors")
    for name, rule in ((INPUT, RULES[0]), (HEAD, RULES[1])):
        rows = tensors[name].float().numpy()
        made = torch.from_numpy(expected_rows(rows, rule)).to(getattr(torch, dtype))
        assert torch.equal(got[name].view(torch.uint8), made.view(torch.uint8))
    widened = load_file(resize(source, tmp_path / "wide", Storage(dtype="bfloat16")) / "model.safetensors")
    assert torch.equal(widened[INPUT][:97], tensors[INPUT][:97].to(torch.bfloat16))


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2"])
def test_rows_too_large_for_eight_bits_are_refused(dtype: str, tmp_path: Path) -> None:
    from tests.checkpoint.models import Exploding

    source = save_eight_bits(tmp_path / "source", dtype)
    checkpoint = open_checkpoint(source)
    (tmp_path / "out").mkdir()
    with pytest.raises(CheckpointError, match=rf"A new row of {INPUT} is not finite when stored as F8_E.*1e\+06"):
        write_checkpoint(checkpoint, PLAN, Initialization.shared(Exploding()), tmp_path / "out", padding=mean_row())


def save_eight_bits(directory: Path, dtype: str) -> Path:
    """Write a tied model of one matrix, without torch."""
    matrix = llama_tensors()[INPUT].astype(getattr(ml_dtypes, dtype))
    save_model(directory, {INPUT: matrix.view(np.uint8)}, LLAMA | {"tie_word_embeddings": True})
    path = directory / "model.safetensors"
    code = {"float8_e4m3fn": b'"F8_E4M3"', "float8_e5m2": b'"F8_E5M2"'}[dtype]
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    text = data[8 : 8 + size].replace(b'"U8"', code)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :])
    return directory


def test_finite_numbers_of_eight_bits_are_told_from_others(tmp_path: Path) -> None:
    source = save_eight_bits(tmp_path / "source", "float8_e5m2")
    assert np.isfinite(open_checkpoint(source).matrix(INPUT)).all()
    data = bytearray((source / "model.safetensors").read_bytes())
    data[-1] = 0x7C
    (source / "model.safetensors").write_bytes(bytes(data))
    assert np.isinf(open_checkpoint(source).matrix(INPUT)[-1, -1])
