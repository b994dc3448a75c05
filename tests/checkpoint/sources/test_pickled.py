"""PyTorch weights: read when asked for, as tensors only, and the same to the bit as what transformers loads."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.checkpoint.models import HEAD, INPUT, LLAMA, ROWS, llama_tensors
from tests.checkpoint.sources.fake_hub import COMMIT, FakeHub
from vocabx.checkpoint import open_checkpoint
from vocabx.checkpoint.sources.hub_options import HubOrigin, hub_origin
from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.core.errors import CheckpointError, MissingExtraError, OutputError

NORM = "model.norm.weight"


def state(**changed: Any) -> dict[str, Any]:
    """Return the tensors of a small model as torch has them."""
    import torch

    return {name: torch.from_numpy(array) for name, array in llama_tensors().items()} | changed


def save(directory: Path, *shards: dict[str, Any], config: dict[str, Any] | None = None, **how: Any) -> Path:
    """Write a model directory as older versions of transformers did."""
    import torch

    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(config or LLAMA))
    (directory / "tokenizer.json").write_text("{}")
    (directory / "1_Pooling").mkdir()
    (directory / "1_Pooling" / "config.json").write_text("{}")
    if len(shards) == 1:
        torch.save(shards[0], directory / "pytorch_model.bin", **how)
        return directory
    files = [f"pytorch_model-{i:05}-of-{len(shards):05}.bin" for i in range(1, len(shards) + 1)]
    for file, tensors in zip(files, shards, strict=True):
        torch.save(tensors, directory / file)
    places = {name: file for file, tensors in zip(files, shards, strict=True) for name in tensors}
    index = {"metadata": {"total_size": 0}, "weight_map": places}
    (directory / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    return directory


def opened(directory: Path) -> Path:
    return resolve_model(directory, trust_pickle=True)


@pytest.mark.torch
@pytest.mark.parametrize("how", [{}, {"_use_new_zipfile_serialization": False}], ids=["zip", "before 1.6"])
def test_every_tensor_has_the_same_bytes(tmp_path: Path, how: Any) -> None:
    import torch
    from safetensors.torch import load_file

    halves = {"half": torch.randn(3, 4).bfloat16(), "one": torch.tensor(2.5), "flags": torch.tensor([True, False])}
    columns = torch.arange(12.0).reshape(3, 4).T
    tensors = state(**halves, columns=columns, none=torch.empty(0, 4))
    copy = opened(save(tmp_path / "model", tensors, **how))
    assert sorted(file.name for file in copy.iterdir() if file.is_file()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    written = load_file(copy / "model.safetensors")
    assert written.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert written[name].dtype == tensor.dtype
        assert torch.equal(written[name], tensor)
    assert open_checkpoint(copy).rows == ROWS
    assert (copy / "1_Pooling" / "config.json").is_file()


@pytest.mark.torch
def test_shards_stay_shards_and_the_original_is_not_touched(tmp_path: Path) -> None:
    tensors = state()
    rest = {name: tensors.pop(name) for name in (INPUT, NORM)}
    base = save(tmp_path / "model", rest, tensors)
    before = {file: file.read_bytes() for file in base.rglob("*") if file.is_file()}
    copy = opened(base)
    index = json.loads((copy / "model.safetensors.index.json").read_text())
    first, second = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    assert index["weight_map"] == dict.fromkeys(sorted(rest), first) | dict.fromkeys(sorted(tensors), second)
    assert index["metadata"]["total_size"] == sum(array.nbytes for array in llama_tensors().values())
    checkpoint = open_checkpoint(copy)
    assert {name: checkpoint.matrix(name).tobytes() for name in checkpoint.tensors} == {
        name: array.tobytes() for name, array in llama_tensors().items()
    }
    assert {file: file.read_bytes() for file in base.rglob("*") if file.is_file()} == before
    assert opened(base) == copy


@pytest.mark.torch
@pytest.mark.parametrize(
    ("config", "kept", "alias"),
    [
        (LLAMA, INPUT, HEAD),
        ({"model_type": "gpt2"}, "transformer.wte.weight", HEAD),
        ({"model_type": "unheard-of"}, "cls.predictions.bias", "cls.predictions.decoder.bias"),
    ],
)
def test_of_names_that_share_a_tensor_one_stays(tmp_path: Path, config: Any, kept: str, alias: str) -> None:
    import torch

    shared = torch.randn(ROWS, 4)
    tensors = {alias: shared, kept: shared, "part": shared[:2], "equal": shared.clone()}
    copy = opened(save(tmp_path / "model", tensors, config=config))
    from safetensors.torch import load_file

    assert load_file(copy / "model.safetensors").keys() == {kept, "part", "equal"}


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return open, ("ran", "w")


@pytest.mark.torch
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            lambda: {"weight": Malicious()},
            r"is no file of plain tensors, and is not opened: it asks for \S+open, which",
        ),
        (lambda: {"epoch": 3}, "holds other things than the tensors of a model"),
        (lambda: [1], "holds other things than the tensors of a model"),
    ],
)
def test_a_file_that_is_not_of_tensors_is_not_opened(
    content: Any, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=f"pytorch_model.bin {message}"):
        opened(save(tmp_path / "model", content()))
    assert not (tmp_path / "ran").exists()


@pytest.mark.torch
@pytest.mark.parametrize("damage", [b"", b"not even a pickle", pickle.dumps({"a": 1})])
def test_a_damaged_file_is_a_sentence(damage: bytes, tmp_path: Path) -> None:
    base = save(tmp_path / "model", state())
    (base / "pytorch_model.bin").write_bytes(damage)
    with pytest.raises(CheckpointError, match=r"pytorch_model.bin (is no file of plain|holds other things)") as caught:
        opened(base)
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)


@pytest.mark.torch
def test_a_shard_that_is_not_there_is_named(tmp_path: Path) -> None:
    tensors = state()
    base = save(tmp_path / "model", {INPUT: tensors.pop(INPUT)}, tensors)
    (base / "pytorch_model-00002-of-00002.bin").unlink()
    with pytest.raises(
        CheckpointError, match=r"index\.json names pytorch_model-00002-of-00002\.bin, which is not there"
    ):
        opened(base)


@pytest.mark.torch
def test_a_type_that_safetensors_lacks_is_refused(tmp_path: Path) -> None:
    import torch

    with pytest.raises(CheckpointError, match=r"tensor waves is of type torch.complex64"):
        opened(save(tmp_path / "model", state(waves=torch.zeros(2, dtype=torch.complex64))))


@pytest.mark.torch
def test_pickles_are_opened_only_when_asked_for(tmp_path: Path) -> None:
    base = save(tmp_path / "model", state())
    assert resolve_model(base) == base
    with pytest.raises(CheckpointError, match=r"only as pytorch_model.bin, a pickle.*--trust-pickle"):
        open_checkpoint(base)


@pytest.mark.torch
def test_pickles_are_not_looked_at_where_there_are_safetensors(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    base = save(tmp_path / "model", state())
    (base / "pytorch_model.bin").write_bytes(b"not even a pickle")
    save_file(llama_tensors(), base / "model.safetensors")
    assert opened(base) == base


def test_without_torch_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"Reading PyTorch weights \(\.bin\) needs .*vocabx\[torch\]"):
        opened(tmp_path)


@pytest.mark.torch
def test_a_disk_without_room_is_a_sentence_and_nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base, temporary = save(tmp_path / "model", state()), tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vocabx.checkpoint.sources.pickled._write", full)
    with pytest.raises(OutputError, match=r"No space left on device\. It needs as much room .* with TMPDIR"):
        opened(base)
    assert list(temporary.iterdir()) == []


@pytest.mark.torch
def test_the_copy_goes_when_the_process_ends(tmp_path: Path) -> None:
    base, temporary = save(tmp_path / "model", state()), tmp_path / "temporary"
    temporary.mkdir()
    code = (
        "import sys; from vocabx.checkpoint.sources.resolve import resolve_model\n"
        "copy = resolve_model(sys.argv[1], trust_pickle=True)\n"
        "assert str(copy).startswith(sys.argv[2]) and (copy / 'model.safetensors').is_file()"
    )
    run = [sys.executable, "-c", code, str(base), str(temporary)]
    subprocess.run(run, check=True, env={"TMPDIR": str(temporary), "PYTHONPATH": str(Path(__file__).parents[3])})
    assert list(temporary.iterdir()) == []


@pytest.mark.torch
def test_a_hub_model_with_pickles_alone_is_downloaded_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = state()
    rest = {INPUT: tensors.pop(INPUT)}
    hub = FakeHub(tmp_path / "cache", {"a/b": save(tmp_path / "model", rest, tensors)}).install(monkeypatch)
    copy = resolve_model("a/b", trust_pickle=True)
    assert hub_origin(copy) == HubOrigin("a/b", COMMIT)
    assert np.array_equal(open_checkpoint(copy).matrix(INPUT), llama_tensors()[INPUT])
    assert hub.calls[-1]["allow_patterns"] == ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"]
