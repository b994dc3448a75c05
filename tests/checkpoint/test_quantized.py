from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.checkpoint.models import HEAD, INPUT, LLAMA, llama_tensors, save_model
from vocabx.checkpoint import open_checkpoint
from vocabx.checkpoint.quantized import KINDS
from vocabx.core.errors import CheckpointError

METHODS = [(method, kind) for kind in KINDS for method in kind.methods]
ENDINGS = [(ending, kind) for kind in KINDS for ending in kind.endings]


@pytest.mark.parametrize(("method", "kind"), METHODS, ids=[method for method, _ in METHODS])
@pytest.mark.parametrize("nested", [False, True])
def test_a_quantised_model_is_refused_by_name_with_what_to_do(
    method: str, kind: Any, nested: bool, tmp_path: Path
) -> None:
    settings = {"quantization_config": {"quant_method": method, "bits": 4}}
    save_model(tmp_path, llama_tensors(), LLAMA | ({"text_config": settings} if nested else settings))
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(tmp_path)
    assert f"is quantised with {kind.name} (quantization_config in its config.json). {kind.advice}" in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"quant_method": "brand-new"}, "is quantised with brand-new "), ({"bits": 4}, r"is quantised \(")],
)
def test_a_method_that_nobody_knows_is_refused_as_well(settings: Any, named: str, tmp_path: Path) -> None:
    save_model(tmp_path, llama_tensors(), LLAMA | {"quantization_config": settings})
    with pytest.raises(CheckpointError, match=f"{named}.*Start from the unquantised checkpoint"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize("stem", ["model.embed_tokens", "lm_head"])
@pytest.mark.parametrize(("ending", "kind"), ENDINGS, ids=[ending for ending, _ in ENDINGS])
@pytest.mark.parametrize("model_type", ["llama", "unheard-of"])
def test_scales_beside_an_embedding_or_a_head_are_refused(
    stem: str, ending: str, kind: Any, model_type: str, tmp_path: Path
) -> None:
    tensors = llama_tensors() | {f"{stem}{ending}": np.ones(3, np.float32)}
    save_model(tmp_path, tensors, LLAMA | {"model_type": model_type})
    with pytest.raises(CheckpointError, match=f"stores {stem}{ending}: its embedding or head is quantised, as by"):
        open_checkpoint(tmp_path)


def test_a_packed_embedding_without_its_own_name_is_refused_as_quantised(tmp_path: Path) -> None:
    tensors = llama_tensors()
    tensors["model.embed_tokens.qweight"] = tensors.pop(INPUT)[:12].astype(np.int32)
    with pytest.raises(CheckpointError, match="is quantised, as by GPTQ or AWQ"):
        open_checkpoint(save_model(tmp_path, tensors))


def test_scales_of_other_layers_say_nothing_of_the_embedding(tmp_path: Path) -> None:
    tensors = llama_tensors() | {"model.layers.0.mlp.up_proj.scales": np.ones(3, np.float32)}
    assert open_checkpoint(save_model(tmp_path, tensors)).head == HEAD


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_whole_numbers_are_no_rows(dtype: Any, tmp_path: Path) -> None:
    tensors = llama_tensors() | {INPUT: np.zeros((100, 32), dtype)}
    with pytest.raises(CheckpointError, match=f"tensor {INPUT} is stored as .8.*unquantised"):
        open_checkpoint(save_model(tmp_path, tensors))


def test_a_directory_of_gguf_files_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "model-Q4.gguf").touch()
    with pytest.raises(CheckpointError, match="It holds GGUF files; start from the safetensors"):
        open_checkpoint(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    with pytest.raises(CheckpointError, match="GGUF"):
        open_checkpoint(tmp_path)
