"""What cannot be changed in place is refused with what to do, and nothing has changed then."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import vocabx
from tests.extension.bases import learning, save_tokenizer
from tests.in_memory.families import bits, load, save_family, settings_of
from tests.tokenizer_tools.toys import metaspace
from vocabx.core.errors import CheckpointError, InputError
from vocabx.in_memory import change as in_memory_change
from vocabx.in_memory import settings
from vocabx.in_memory.tensors import resized_tensor

pytestmark = pytest.mark.torch


@pytest.fixture
def opened(tmp_path: Path) -> tuple[Any, Any]:
    return load(save_family(tmp_path / "base", "llama"), "llama")


@pytest.fixture
def process_group() -> Iterator[None]:
    """One process that is a group of its own."""
    import torch

    group: Any = torch.distributed
    group.init_process_group("gloo", store=group.HashStore(), rank=0, world_size=1)
    yield
    group.destroy_process_group()
    assert not group.is_initialized()


def refused(model: Any, tokenizer: Any, tmp_path: Path, match: str) -> None:
    """Expect every change to be refused in one sentence."""
    text = learning(tmp_path)
    with pytest.raises(CheckpointError, match=match):
        vocabx.extend_model(model, tokenizer, **text)
    with pytest.raises(CheckpointError, match=match):
        vocabx.trim_model(model, tokenizer, text["corpus"])
    with pytest.raises(CheckpointError, match=match):
        vocabx.replace_model(model, tokenizer, tokenizer)


def as_if_from(package: str, name: str, module: Any) -> Any:
    """Wrap a module in a class as if it came from a package that is not installed."""
    import torch

    class Wrapper(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = module

    Wrapper.__name__, Wrapper.__module__ = name, f"{package}.wrapping"
    return Wrapper()


@pytest.mark.parametrize(
    ("package", "name", "match"),
    [
        ("peft", "PeftModelForCausalLM", "adapters of PEFT; change the base model first"),
        ("deepspeed", "DeepSpeedEngine", "wrapped by DeepSpeed; change it first"),
        ("torch", "FullyShardedDataParallel", "wrapped by FSDP, .* change it first, and wrap it afterwards"),
        ("torch", "DistributedDataParallel", "wrapped for several devices; change it first"),
    ],
)
def test_a_wrapped_model_is_refused(
    package: str, name: str, match: str, opened: tuple[Any, Any], tmp_path: Path
) -> None:
    model, tokenizer = opened
    refused(as_if_from(package, name, model), tokenizer, tmp_path, match)


def test_adapters_within_the_model_are_refused(opened: tuple[Any, Any], tmp_path: Path) -> None:
    model, tokenizer = opened
    model.lm_head = as_if_from("peft", "Linear", model.lm_head)
    refused(model, tokenizer, tmp_path, "adapters of PEFT")


def test_a_model_of_fully_shard_is_refused_and_stays_as_it_is(
    process_group: None, opened: tuple[Any, Any], tmp_path: Path
) -> None:
    import torch
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    model, tokenizer = opened
    fully_shard(model, mesh=init_device_mesh("cpu", (1,)))
    before = [(name, parameter.shape) for name, parameter in model.named_parameters()]
    refused(model, tokenizer, tmp_path, r"split over processes \(DTensor\); change the model before fully_shard")
    assert [(name, parameter.shape) for name, parameter in model.named_parameters()] == before
    assert isinstance(model.get_input_embeddings().weight, torch.distributed.tensor.DTensor)


def test_parameters_of_zero_3_are_refused(opened: tuple[Any, Any], tmp_path: Path) -> None:
    import torch

    model, tokenizer = opened
    parameter = model.get_input_embeddings().weight
    parameter.data, parameter.ds_id = torch.empty(0, dtype=parameter.dtype), 0
    refused(model, tokenizer, tmp_path, "partitioned by DeepSpeed ZeRO-3; change the model's directory")


def test_a_model_without_weights_is_refused(opened: tuple[Any, Any], tmp_path: Path) -> None:
    model, tokenizer = opened
    model.to("meta")
    refused(model, tokenizer, tmp_path, "no weights yet")


def test_an_offloaded_embedding_is_refused(opened: tuple[Any, Any], tmp_path: Path) -> None:
    model, tokenizer = opened
    embedding = model.get_input_embeddings()
    embedding._hf_hook = SimpleNamespace(offload=True)
    embedding.to("meta")
    refused(model, tokenizer, tmp_path, "model.embed_tokens.weight is offloaded by accelerate; load the model with")


def test_other_layers_may_be_offloaded(opened: tuple[Any, Any], tmp_path: Path) -> None:
    model, tokenizer = opened
    model.model.layers.to("meta")
    extended, _ = vocabx.extend_model(model, tokenizer, **learning(tmp_path))
    assert model.get_input_embeddings().weight.shape[0] == len(extended)


@pytest.mark.parametrize("how", ["is_quantized", "quantization_config"])
def test_a_quantised_model_is_refused(how: str, opened: tuple[Any, Any], tmp_path: Path) -> None:
    model, tokenizer = opened
    setattr(model if how == "is_quantized" else model.config, how, {"quant_method": "bitsandbytes"})
    refused(model, tokenizer, tmp_path, "The model is quantised; change the unquantised model")


def test_a_tensor_that_is_not_a_plain_one_is_refused(opened: tuple[Any, Any], tmp_path: Path) -> None:
    import torch

    class Packed(torch.Tensor):
        pass

    model, tokenizer = opened
    embedding = model.get_input_embeddings()
    packed = embedding.weight.detach().as_subclass(Packed)
    embedding.weight = torch.nn.Parameter(packed, requires_grad=False)
    refused(model, tokenizer, tmp_path, "is a Packed, not a plain tensor")


def test_an_input_that_the_model_does_not_work_with_is_refused(opened: tuple[Any, Any], tmp_path: Path) -> None:
    import torch

    model, tokenizer = opened
    model.get_input_embeddings = lambda: torch.nn.Embedding(*model.model.embed_tokens.weight.shape)
    refused(model, tokenizer, tmp_path, "is not the input embedding that this LlamaForCausalLM works with")


@pytest.mark.parametrize("model", [object(), "linear"])
def test_what_is_no_model_of_transformers_is_refused(model: Any, opened: tuple[Any, Any], tmp_path: Path) -> None:
    import torch

    given = torch.nn.Linear(2, 2) if model == "linear" else model
    with pytest.raises(InputError, match=f"A model of transformers is needed, not a {type(given).__name__}"):
        vocabx.extend_model(given, opened[1], **learning(tmp_path))


def test_a_compiled_model_is_changed_within_and_compiled_again(tmp_path: Path) -> None:
    import torch

    base = save_family(tmp_path / "base", "gpt2")
    model, tokenizer = load(base, "gpt2")
    compiled: Any = torch.compile(model.eval(), backend="eager", dynamic=False)
    prompt = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        compiled(prompt)
        extended, extension = vocabx.extend_model(compiled, tokenizer, **learning(tmp_path), pad_to_multiple=64)
        new = torch.tensor([extension.plan.new_ids[:3].tolist()])
        logits = compiled(new).logits
        assert torch.equal(logits, model(new).logits)
    assert logits.shape[-1] == extension.plan.rows_after == model.config.vocab_size
    assert len(extended) == extension.plan.tokens


@pytest.mark.parametrize("fault", ["factorization", "settings", "head", "optimizer"])
@pytest.mark.parametrize("change", ["extend", "replace"])
def test_an_error_leaves_everything_as_it_was(
    change: str, fault: str, opened: tuple[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    model, tokenizer = opened
    more: dict[str, Any] = {}
    if fault == "factorization":
        more["factorization"] = vocabx.Factorization(rank=2)
    elif fault == "settings":
        monkeypatch.setattr(settings, "resized_generation_config", fail)
    elif fault == "head":
        resize = resized_tensor
        monkeypatch.setattr(
            in_memory_change,
            "resized_tensor",
            lambda tensor, *more: fail() if tensor is model.lm_head.weight else resize(tensor, *more),
        )
    else:
        more["optimizer"] = torch.optim.SGD(torch.nn.Linear(2, 2).parameters())
    before = bits(model), settings_of(model), tokenizer.get_vocab(), [id(each) for each in model.parameters()]
    text, target = learning(tmp_path), tokenizer_of_another_kind(tmp_path)
    run: Any = vocabx.extend_model if change == "extend" else partial(vocabx.replace_model, target=target)
    more |= dict(text) if change == "extend" else {}
    with pytest.raises(InputError):
        run(model, tokenizer, **more)
    assert (bits(model), settings_of(model), tokenizer.get_vocab(), [id(each) for each in model.parameters()]) == before


def fail(*_: object) -> None:
    raise InputError("It failed.")


def tokenizer_of_another_kind(tmp_path: Path) -> Path:
    save_tokenizer(tmp_path / "target", metaspace())
    return tmp_path / "target"


def test_not_a_number_in_a_kept_row_stays_to_the_bit(opened: tuple[Any, Any], tmp_path: Path) -> None:
    import torch

    model, tokenizer = opened
    weight = model.get_input_embeddings().weight
    marked = np.array([0x7FC1, 0x8000, 0xFFC3], np.uint16)  # NaNs that carry a payload, and minus zero
    with torch.no_grad():
        weight[3, :3] = torch.from_numpy(marked.view(np.int16)).view(torch.bfloat16)
    vocabx.extend_model(model, tokenizer, **learning(tmp_path))
    kept = model.get_input_embeddings().weight.detach()[3, :3].view(torch.int16).numpy().view(np.uint16)
    assert kept.tolist() == marked.tolist()
