from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub.errors import (
    GatedRepoError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.checkpoint.models import LLAMA, llama_tensors, save_model, save_two_shards
from tests.checkpoint.sources.fake_hub import COMMIT, FakeHub, refusal
from vocabx.checkpoint.sources.hub_options import HubOptions, HubOrigin, hub_origin
from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.core.errors import CheckpointError

OTHERS = {
    "original/consolidated.safetensors": "",
    "original/params.json": "{}",
    "onnx/config.json": "{}",
    "model.fp16.safetensors": "",
    "consolidated.safetensors": "",
    "model.gguf": "",
    "pytorch_model.bin": "",
    "modeling.py": "",
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    return FakeHub(tmp_path / "cache").install(monkeypatch)


def names(directory: Path) -> list[str]:
    return sorted(str(file.relative_to(directory)) for file in directory.rglob("*") if file.is_file())


def add(directory: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return directory


def test_a_model_directory_is_taken_as_it_is(tmp_path: Path) -> None:
    assert resolve_model(tmp_path) == tmp_path
    assert resolve_model(str(tmp_path)) == tmp_path


def test_only_what_is_read_is_downloaded(tmp_path: Path, hub: FakeHub) -> None:
    settings = {"tokenizer.json": "{}", "README.md": "", "LICENSE.txt": "", "1_Pooling/config.json": "{}"}
    hub.repositories["someone/model"] = add(save_model(tmp_path / "one", llama_tensors()), OTHERS | settings)
    directory = resolve_model("someone/model", weights=False)
    assert names(directory) == sorted([*settings, "config.json"])
    assert resolve_model("someone/model") == directory
    assert names(directory) == sorted([*settings, "config.json", "model.safetensors"])


def test_the_shards_that_the_index_names_are_downloaded(tmp_path: Path, hub: FakeHub) -> None:
    hub.repositories["someone/model"] = add(save_two_shards(tmp_path / "two"), OTHERS)
    directory = resolve_model("someone/model")
    shards = ["model-1.safetensors", "model-2.safetensors"]
    assert names(directory) == ["config.json", *shards, "model.safetensors.index.json"]


def test_an_index_that_is_left_over_does_not_hide_the_one_file(tmp_path: Path, hub: FakeHub) -> None:
    model = save_model(tmp_path / "one", llama_tensors())
    index = {"weight_map": {"a": "model-00001-of-00001.safetensors"}}
    hub.repositories["someone/model"] = add(model, {"model.safetensors.index.json": json.dumps(index)})
    assert "model.safetensors" in names(resolve_model("someone/model"))


def test_the_weights_are_of_the_commit_that_the_settings_are_of(tmp_path: Path, hub: FakeHub) -> None:
    hub.repositories["someone/model"] = save_model(tmp_path / "one", llama_tensors())
    resolve_model("someone/model@main")
    assert [call["revision"] for call in hub.calls] == ["main", COMMIT]


@pytest.mark.parametrize(("model", "revision"), [("a/b@v1", None), ("a/b", "v1"), ("a/b@v1", "v1")])
def test_options_and_a_revision_in_the_name_reach_the_hub(
    model: str, revision: str | None, tmp_path: Path, hub: FakeHub
) -> None:
    hub.repositories["a/b"] = save_model(tmp_path / "one", llama_tensors())
    options = HubOptions(revision, token="secret", cache_dir="elsewhere", offline=True)
    resolve_model(model, weights=False, hub=options)
    (call,) = hub.calls
    assert (call["name"], call["revision"], call["token"]) == ("a/b", "v1", "secret")
    assert (call["cache_dir"], call["local_files_only"]) == ("elsewhere", True)
    assert "secret" not in repr(options)


def test_the_environment_can_forbid_to_ask_the_hub(
    tmp_path: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repositories["a/b"] = save_model(tmp_path / "one", llama_tensors())
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    resolve_model("a/b", weights=False)
    assert hub.calls[0]["local_files_only"]


def test_two_revisions_are_one_too_many(hub: FakeHub) -> None:
    with pytest.raises(CheckpointError, match="names one revision and --revision another, v2"):
        resolve_model("a/b@v1", hub=HubOptions("v2"))


def test_a_directory_has_no_revision(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is a directory here and has no revision v1"):
        resolve_model(tmp_path, hub=HubOptions("v1"))


def test_a_directory_with_an_at_sign_is_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b@v1").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert resolve_model("a/b@v1") == Path("a/b@v1")


@pytest.mark.parametrize(
    ("error", "offline", "message"),
    [
        (refusal(RepositoryNotFoundError), False, r"The hub shows no model a/b\. Check the spelling; .* --token or HF"),
        (
            refusal(GatedRepoError, 403),
            False,
            r"a/b is gated: accept its terms at https://.*/a/b, then give your token",
        ),
        (refusal(RevisionNotFoundError), False, r"a/b has no revision v1\. Give a branch, a tag or a commit"),
        (LocalEntryNotFoundError("long\ntext"), False, r"The hub cannot be reached, and a/b@v1 is not in the cache"),
        (LocalEntryNotFoundError("long\ntext"), True, r"a/b@v1 is not complete in the cache .*Download it once\."),
        (OSError("no room\nat all"), False, r"a/b@v1 cannot be had from the hub: no room\. Check the name"),
        (ValueError("bad name"), False, r"a/b@v1 cannot be had from the hub: bad name\. Check"),
    ],
)
def test_what_goes_wrong_is_one_sentence(error: Exception, offline: bool, message: str, hub: FakeHub) -> None:
    hub.error = error
    with pytest.raises(CheckpointError, match=message) as caught:
        resolve_model("a/b", hub=HubOptions("v1", offline=offline))
    assert "\n" not in str(caught.value)


def test_a_cached_model_that_lacks_only_what_is_not_needed_is_taken(tmp_path: Path, hub: FakeHub) -> None:
    incomplete = LocalEntryNotFoundError("the licence is missing")
    incomplete.snapshot_path = str(save_model(tmp_path / "cached", llama_tensors()))  # type: ignore[attr-defined]
    hub.error = incomplete
    assert resolve_model("a/b", weights=False, hub=HubOptions(offline=True)) == tmp_path / "cached"
    with pytest.raises(CheckpointError, match="is not complete in the cache"):
        resolve_model("a/b", hub=HubOptions(offline=True))


@pytest.mark.parametrize(
    ("file", "offline", "message"),
    [
        ("pytorch_model.bin", False, r"they are PyTorch files \(\.bin\), which are pickles\. Give --trust-pickle"),
        ("model-Q4_K_M.gguf", False, r"they are GGUF files\. Start from the safetensors model"),
        ("tf_model.h5", False, r"neither safetensors nor PyTorch files"),
        ("tf_model.h5", True, r"not in the cache, and the hub is not asked offline"),
    ],
)
def test_a_model_without_safetensors_is_refused_by_what_it_has(
    file: str, offline: bool, message: str, tmp_path: Path, hub: FakeHub
) -> None:
    hub.repositories["a/b"] = add(tmp_path / "model", {"config.json": json.dumps(LLAMA), file: ""})
    with pytest.raises(CheckpointError, match=f"a/b has no weights that can be read here.*{message}"):
        resolve_model("a/b", hub=HubOptions(offline=offline))
    assert file not in names(tmp_path / "cache")


@pytest.mark.parametrize(
    "name", ["nowhere", "./nowhere/model", "/nowhere/model", "a/b/c", "-x/y", "a/b@", "a/b@../c@d"]
)
def test_what_is_no_directory_and_no_hub_id_is_not_looked_up(name: str, hub: FakeHub) -> None:
    with pytest.raises(CheckpointError, match="is neither a model directory nor a hub id"):
        resolve_model(name)
    assert hub.calls == []


def test_a_path_is_never_taken_for_a_hub_id() -> None:
    with pytest.raises(CheckpointError, match="someone/model is neither a model directory nor a hub id"):
        resolve_model(Path("someone/model"))


@pytest.mark.parametrize(
    ("place", "origin"),
    [
        (f"/c/models--meta-llama--Llama-3/snapshots/{COMMIT}", HubOrigin("meta-llama/Llama-3", COMMIT)),
        (f"/c/models--gpt2/snapshots/{COMMIT}/", HubOrigin("gpt2", COMMIT)),
        (f"/c/datasets--a--b/snapshots/{COMMIT}", None),
        ("/c/models--a--b/blobs/x", None),
        ("/", None),
    ],
)
def test_a_snapshot_says_where_it_is_from(place: str, origin: Any) -> None:
    assert hub_origin(Path(place)) == origin
