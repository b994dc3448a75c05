"""A factorised model is a model like any other: it opens, saves, ties, resizes, generates and learns."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.checkpoint.families.test_families import ENCODERS, FAMILIES, auto_class, make
from tests.checkpoint.models import PLAN
from tests.factorization.models import RANK, write
from vocabx.factorization import FOLDED, MODEL

pytestmark = pytest.mark.torch

SMALL = ("llama", "gemma3_text", "gpt2", "bert", "xlm-roberta")
IDS = [[1, 5, 99, 104, 7]]


@pytest.fixture(autouse=True, scope="module")
def modules_of_these_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have transformers keep the code that it runs in a folder of these tests; what is imported stays there."""
    import transformers

    folder = str(tmp_path_factory.mktemp("modules"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", folder)
        patch.syspath_prepend(folder)
        yield


def factorized(family: str, tmp_path: Path, form: str = MODEL, head: bool = True, **config: Any) -> Path:
    base = tmp_path / "base"
    if not base.exists():
        make(family, head=head, **config).save_pretrained(base)
    return write(base, tmp_path / form, form)


def load(family: str, directory: Path, auto: Any = None, **options: Any) -> Any:
    opened = (auto or auto_class(family)).from_pretrained(directory, trust_remote_code=True, **options)
    return (opened[0].eval(), opened[1]) if isinstance(opened, tuple) else opened.eval()


def logits(model: Any, ids: list[list[int]] = IDS) -> Any:
    import torch

    with torch.no_grad():
        return model(input_ids=torch.tensor(ids)).logits


def embeddings(model: Any) -> tuple[Any, Any]:
    return model.get_input_embeddings(), model.get_output_embeddings()


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_it_scores_as_the_folded_model_does(family: str, tied: bool, tmp_path: Path) -> None:
    out = factorized(family, tmp_path, tie_word_embeddings=tied)
    model, loading = load(family, out, output_loading_info=True)
    folded = auto_class(family).from_pretrained(factorized(family, tmp_path, FOLDED)).eval()
    assert not any(loading[f"{what}_keys"] for what in ("missing", "unexpected", "mismatched"))
    difference = (logits(model) - logits(folded)).abs().max()
    assert difference < 1e-5 * max(1.0, float(logits(folded).abs().max()))
    assert model.num_parameters() < folded.num_parameters()


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("family", SMALL)
def test_it_is_saved_and_opened_again_with_the_same_scores(family: str, tied: bool, tmp_path: Path) -> None:
    model = load(family, out := factorized(family, tmp_path, tie_word_embeddings=tied))
    model.save_pretrained(tmp_path / "again")
    again = load(family, tmp_path / "again")
    assert logits(again).equal(logits(model))
    before, after = (json.loads((place / "config.json").read_text()) for place in (out, tmp_path / "again"))
    assert after["architectures"] == before["architectures"]
    assert after["auto_map"].keys() == before["auto_map"].keys()
    assert (tmp_path / "again" / "modeling_factorized.py").read_bytes() == (out / "modeling_factorized.py").read_bytes()


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("family", SMALL)
def test_each_tensor_is_stored_once(family: str, tied: bool, tmp_path: Path) -> None:
    model = load(family, out := factorized(family, tmp_path, tie_word_embeddings=tied))
    model.save_pretrained(tmp_path / "again")
    written, saved = (load_file(place / "model.safetensors") for place in (out, tmp_path / "again"))
    assert saved.keys() == written.keys()
    assert all(np.array_equal(saved[name], written[name]) for name in written)
    assert sum(name.endswith("primitives.weight") for name in written) == (1 if tied else 2)
    assert sum(array.shape == (PLAN.rows_after, RANK) for array in written.values()) == (1 if tied else 2)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("family", SMALL)
def test_both_factors_learn_and_stay_tied(family: str, tied: bool, tmp_path: Path) -> None:
    import torch

    model = load(family, factorized(family, tmp_path, tie_word_embeddings=tied)).train()
    lookup, scores = embeddings(model)
    assert (scores.weight is lookup.weight) == (scores.primitives.weight is lookup.primitives.weight) == tied
    before = [part.weight.detach().clone() for part in (lookup, lookup.primitives, scores, scores.primitives)]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(input_ids=torch.tensor(IDS), labels=torch.tensor(IDS)).loss.backward()
    optimizer.step()
    parts = (lookup, lookup.primitives, scores, scores.primitives)
    assert not any(part.weight.equal(old) for part, old in zip(parts, before, strict=True))
    model.eval().save_pretrained(tmp_path / "trained")
    trained = load(family, tmp_path / "trained")
    assert logits(trained).equal(logits(model))
    lookup, scores = embeddings(trained)
    assert (scores.weight is lookup.weight) == (scores.primitives.weight is lookup.primitives.weight) == tied


@pytest.mark.parametrize("rows", [90, 130])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("family", [*SMALL, "phi"])
def test_coordinates_head_and_bias_are_resized(family: str, tied: bool, rows: int, tmp_path: Path) -> None:
    model = load(family, factorized(family, tmp_path, tie_word_embeddings=tied))
    ids = [[1, 5, 88, 7]]
    before = logits(model, ids)
    model.resize_token_embeddings(rows, mean_resizing=False)
    lookup, scores = embeddings(model)
    assert lookup.weight.shape == scores.weight.shape == (rows, RANK)
    assert lookup.primitives.weight.shape == scores.primitives.weight.shape == (32, RANK)
    assert scores.bias is None or scores.bias.shape == (rows,)
    assert model.config.vocab_size == rows
    assert (scores.weight is lookup.weight) == (scores.primitives.weight is lookup.primitives.weight) == tied
    kept = min(rows, PLAN.rows_after)
    assert logits(model, ids)[..., :kept].equal(before[..., :kept])
    if not tied and family in ENCODERS:
        return  # transformers itself stores the old bias of an untied encoder, factorised or not
    model.save_pretrained(tmp_path / "resized")
    assert logits(load(family, tmp_path / "resized"), ids).equal(logits(model, ids))


@pytest.mark.parametrize("family", ["llama", "gemma3_text", "gpt2"])
def test_it_generates_what_the_folded_model_does(family: str, tmp_path: Path) -> None:
    import torch

    model = load(family, factorized(family, tmp_path))
    folded = auto_class(family).from_pretrained(factorized(family, tmp_path, FOLDED)).eval()
    options = {"max_new_tokens": 8, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}
    texts = [opened.generate(torch.tensor(IDS), **options) for opened in (model, folded)]
    assert texts[0].shape == (1, 13)
    assert texts[0].equal(texts[1])


@pytest.mark.parametrize("family", ["gemma", "gemma3_text"])
def test_a_scaled_embedding_keeps_its_scale(family: str, tmp_path: Path) -> None:
    import torch

    lookup = load(family, factorized(family, tmp_path)).get_input_embeddings()
    assert float(lookup.embed_scale) == pytest.approx(32**0.5)
    expected = lookup.weight[5] @ lookup.primitives.weight.T * 32**0.5
    assert torch.allclose(lookup(torch.tensor([5]))[0], expected, rtol=1e-5)


@pytest.mark.parametrize("family", ENCODERS)
def test_an_encoder_opens_for_every_task(family: str, tmp_path: Path) -> None:
    import torch
    import transformers

    out = factorized(family, tmp_path, head=False)
    folded = transformers.AutoModel.from_pretrained(factorized(family, tmp_path, FOLDED, head=False)).eval()
    states = []
    for auto in ("AutoModel", "AutoModelForSequenceClassification", "AutoModelForTokenClassification"):
        model, loading = load(family, out, getattr(transformers, auto), output_loading_info=True)
        assert not loading["mismatched_keys"]
        assert not [name for name in loading["missing_keys"] if "embeddings" in name]
        assert model.get_input_embeddings().weight.shape == (PLAN.rows_after, RANK)
        with torch.no_grad():
            states.append(model(input_ids=torch.tensor(IDS), output_hidden_states=True).hidden_states[-1])
    with torch.no_grad():
        expected = folded(input_ids=torch.tensor(IDS)).last_hidden_state
    assert all(torch.allclose(state, expected, atol=1e-4) for state in states)


def test_a_decoder_classifies(tmp_path: Path) -> None:
    import transformers

    auto = transformers.AutoModelForSequenceClassification
    model = load("llama", factorized("llama", tmp_path), auto, num_labels=3)
    assert type(model).__name__ == "LlamaForSequenceClassification"
    assert logits(model).shape == (1, 3)


def test_a_stored_type_is_the_loaded_type(tmp_path: Path) -> None:
    import torch

    make("llama", "bfloat16").save_pretrained(tmp_path / "base")
    model = load("llama", write(tmp_path / "base", tmp_path / "out", MODEL), dtype="auto")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert logits(model).isfinite().all()


def test_as_many_primitives_as_dimensions_score_as_before(tmp_path: Path) -> None:
    make("llama", tie_word_embeddings=False).save_pretrained(tmp_path / "base")
    base = auto_class("llama").from_pretrained(tmp_path / "base").eval()
    model = load("llama", write(tmp_path / "base", tmp_path / "out", MODEL, rank=32))
    ids = [[1, 5, 88, 7]]
    assert (
        logits(model, ids)[..., : PLAN.tokens_before] - logits(base, ids)[..., : PLAN.tokens_before]
    ).abs().max() < (1e-5)


def test_without_consent_to_its_code_it_does_not_open_as_something_else(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    out = factorized("llama", tmp_path)
    with pytest.raises(RuntimeError, match="mismatched"):
        AutoModelForCausalLM.from_pretrained(out, trust_remote_code=False)


def test_a_plain_model_that_is_opened_next_stays_plain(tmp_path: Path) -> None:
    load("llama", factorized("llama", tmp_path))
    plain = load("llama", tmp_path / "base")
    assert type(plain).__module__.startswith("transformers.")
    plain.save_pretrained(tmp_path / "again")
    assert "auto_map" not in json.loads((tmp_path / "again" / "config.json").read_text())


def test_a_configuration_alone_makes_a_model_with_weights(tmp_path: Path) -> None:
    from transformers import AutoConfig

    out = factorized("llama", tmp_path)
    model = auto_class("llama").from_config(AutoConfig.from_pretrained(out), trust_remote_code=True)
    lookup, scores = embeddings(model)
    assert lookup.weight.shape == scores.weight.shape == (PLAN.rows_after, RANK)
    assert 0.01 < float(lookup.weight.detach().std()) < 0.03
    assert logits(model.eval()).isfinite().all()


def test_its_class_can_be_pickled() -> None:
    from transformers import LlamaForCausalLM

    from vocabx.factorization import modeling_factorized

    found = modeling_factorized.LlamaForCausalLM
    assert pickle.loads(pickle.dumps(found)) is found
    assert issubclass(found, LlamaForCausalLM)
    with pytest.raises(AttributeError, match="no attribute 'NoSuchModel'"):
        _ = modeling_factorized.NoSuchModel
    with pytest.raises(AttributeError, match="no attribute 'FactorizedLlamaForCausalLM'"):
        _ = modeling_factorized.FactorizedLlamaForCausalLM


def test_a_task_that_the_family_has_not_is_said(tmp_path: Path) -> None:
    from transformers import AutoModelForMaskedLM

    with pytest.raises(ValueError, match="AutoModelForMaskedLM has no class for models of type 'llama'"):
        load("llama", factorized("llama", tmp_path), AutoModelForMaskedLM)
