from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.checkpoint.models import HEAD, INPUT, LLAMA, ROWS, llama_tensors, save_model, save_sharded, save_two_shards
from vocabx.checkpoint import open_checkpoint
from vocabx.core.errors import CheckpointError


def rewrite_index(directory: Path, **weight_map: Any) -> None:
    path = directory / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    index["weight_map"] |= weight_map
    path.write_text(json.dumps(index))


def test_a_single_file_is_opened(tmp_path: Path) -> None:
    tensors = llama_tensors(np.float16)
    checkpoint = open_checkpoint(save_model(tmp_path, tensors))
    assert (checkpoint.input, checkpoint.head, checkpoint.biases) == (INPUT, HEAD, ())
    assert (checkpoint.rows, checkpoint.dimensions, checkpoint.dtype.name) == (100, 32, "float16")
    assert not checkpoint.tied
    assert checkpoint.index is None
    assert all(np.array_equal(checkpoint.matrix(name), array) for name, array in tensors.items())


def test_shards_are_opened(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(save_two_shards(tmp_path))
    assert list(checkpoint.files) == ["model-1.safetensors", "model-2.safetensors"]
    assert checkpoint.tensors[INPUT].path.name == "model-2.safetensors"
    assert np.array_equal(checkpoint.matrix(HEAD), llama_tensors()[HEAD])


def test_links_of_the_hub_cache_are_followed(tmp_path: Path) -> None:
    save_model(tmp_path / "blobs", llama_tensors())
    snapshot = tmp_path / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    for file in ("model.safetensors", "config.json"):
        (snapshot / file).symlink_to(Path("../../blobs") / file)
    assert open_checkpoint(snapshot).rows == 100


def test_a_single_file_wins_over_an_index(tmp_path: Path) -> None:
    save_model(tmp_path, llama_tensors())
    (tmp_path / "model.safetensors.index.json").write_text("{}")
    assert open_checkpoint(tmp_path).index is None


def test_a_head_with_the_inputs_bytes_is_tied_where_the_configuration_says_so(tmp_path: Path) -> None:
    tensors = llama_tensors()
    tensors[HEAD] = tensors[INPUT].copy()
    assert open_checkpoint(save_model(tmp_path / "tied", tensors, LLAMA | {"tie_word_embeddings": True})).tied
    assert not open_checkpoint(save_model(tmp_path / "untied", tensors)).tied


def test_a_head_with_other_values_is_not_tied_whatever_the_configuration_says(tmp_path: Path) -> None:
    config = LLAMA | {"tie_word_embeddings": True}
    assert not open_checkpoint(save_model(tmp_path / "values", llama_tensors(), config)).tied
    tensors = llama_tensors()
    tensors[HEAD] = tensors[INPUT].astype(np.float16)
    assert not open_checkpoint(save_model(tmp_path / "types", tensors, config)).tied


def test_a_bare_base_needs_no_head(tmp_path: Path) -> None:
    tensors = {"embed_tokens.weight": llama_tensors()[INPUT]}
    checkpoint = open_checkpoint(save_model(tmp_path, tensors, LLAMA | {"architectures": ["LlamaModel"]}))
    assert checkpoint.head is None
    assert not checkpoint.tied


@pytest.mark.parametrize("tie", [False, None])
def test_a_missing_untied_head_is_refused(tmp_path: Path, tie: bool | None) -> None:
    tensors = llama_tensors()
    del tensors[HEAD]
    save_model(tmp_path, tensors, LLAMA | {"tie_word_embeddings": tie})
    with pytest.raises(CheckpointError, match=f"LlamaForCausalLM has an output head of its own.*stores only {INPUT}"):
        open_checkpoint(tmp_path)


def test_an_unknown_tensor_is_a_sentence(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(save_model(tmp_path, llama_tensors()))
    with pytest.raises(CheckpointError, match=r"holds no tensor model\.wte"):
        checkpoint.matrix("model.wte")


def test_a_missing_directory_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="There is no model directory"):
        open_checkpoint(tmp_path / "nowhere")


def test_a_directory_without_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is no model directory: it has no config.json"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[1]", "must hold one JSON object, not a list"),
        ('{"model_type": "llama", "vocab_size": "many"}', "vocab_size must be a positive number, not 'many'"),
        ('{"quantization_config": {"bits": 4}}', "is quantised.*unquantised checkpoint"),
        ('{"text_config": {"quantization_config": {"bits": 4}}}', "is quantised.*unquantised checkpoint"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(tmp_path: Path, text: str, message: str) -> None:
    save_model(tmp_path, llama_tensors())
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(tmp_path)


def test_a_directory_without_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"holds no weights: neither model.safetensors nor"):
        open_checkpoint(tmp_path)


def test_a_pickle_is_not_opened_but_its_conversion_is_explained(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"not even a pickle")
    with pytest.raises(CheckpointError, match=r"only as pytorch_model.bin, a pickle.*Give --trust-pickle"):
        open_checkpoint(tmp_path)


def test_integer_embeddings_are_refused(tmp_path: Path) -> None:
    save_model(tmp_path, llama_tensors() | {INPUT: np.zeros((100, 32), np.int8)})
    with pytest.raises(CheckpointError, match=f"tensor {INPUT} is stored as I8.*unquantised"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize("name", ["../model.safetensors", "/etc/passwd", "sub/model.safetensors", "..", "", 3])
def test_an_index_that_leads_out_of_its_directory_is_refused(tmp_path: Path, name: object) -> None:
    rewrite_index(save_two_shards(tmp_path), extra=name)
    with pytest.raises(CheckpointError, match="names a file outside its directory"):
        open_checkpoint(tmp_path)


def test_an_index_that_names_a_missing_file_is_refused(tmp_path: Path) -> None:
    rewrite_index(save_two_shards(tmp_path), extra="model-3.safetensors")
    with pytest.raises(CheckpointError, match=r"names model-3.safetensors, which is not there"):
        open_checkpoint(tmp_path)


def test_an_index_that_names_a_missing_tensor_is_refused(tmp_path: Path) -> None:
    rewrite_index(save_two_shards(tmp_path), extra="model-1.safetensors")
    with pytest.raises(CheckpointError, match=r"places tensor extra in model-1.safetensors, which does not hold it"):
        open_checkpoint(tmp_path)


def test_an_index_without_a_map_is_refused(tmp_path: Path) -> None:
    save_two_shards(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(CheckpointError, match="has no weight_map"):
        open_checkpoint(tmp_path)


def test_a_tensor_that_is_stored_twice_is_refused(tmp_path: Path) -> None:
    tensors = llama_tensors()
    save_sharded(tmp_path, {"model-1.safetensors": tensors, "model-2.safetensors": {INPUT: tensors[INPUT]}})
    with pytest.raises(CheckpointError, match=r"is stored twice: in .*model-1.safetensors and in .*model-2"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize(("name", "hint"), [("m.gguf", "It holds GGUF files"), ("tokenizer.json", "a tokenizer alone")])
def test_a_directory_of_something_else_is_told_apart(name: str, hint: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(CheckpointError, match=hint):
        open_checkpoint(tmp_path)


def test_an_adapter_alone_is_refused_with_its_base(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "someone/model"}')
    with pytest.raises(CheckpointError, match="adapter alone: merge it into someone/model"):
        open_checkpoint(tmp_path)


def test_what_repeats_the_input_or_the_head_is_a_copy_and_what_differs_a_table(tmp_path: Path) -> None:
    tensors = llama_tensors()
    copies = {f"model.layers.{layer}.embed_tokens.weight": tensors[INPUT].copy() for layer in (8, 10)}
    copies["model.layers.8.shared_head.head.weight"] = tensors[HEAD].copy()
    copies["model.layers.10.embed_tokens.weight"][3] += 1
    checkpoint = open_checkpoint(save_model(tmp_path, tensors | copies))
    first, other, head = copies
    assert checkpoint.copies == {first: INPUT, head: HEAD}
    assert checkpoint.tables == (other,)
    assert [checkpoint.original(name) for name in copies] == [INPUT, other, HEAD]
    assert set(checkpoint.resized) == {INPUT, HEAD, *copies}


def test_a_bias_of_one_row_has_the_shape_of_a_bias(tmp_path: Path) -> None:
    tensors = {"shared.weight": llama_tensors()[INPUT], "final_logits_bias": np.zeros((1, ROWS), np.float32)}
    checkpoint = open_checkpoint(save_model(tmp_path, tensors, {"model_type": "bart", "vocab_size": ROWS}))
    assert checkpoint.matrix("final_logits_bias").shape == (ROWS,)
