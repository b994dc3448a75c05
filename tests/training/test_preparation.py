from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.families import NEW_IDS, batch, bits, make, step
from vocabx.core.errors import InputError
from vocabx.training.recipes.recipe import Adapters, Stage
from vocabx.training.recipes.table import RECIPES
from vocabx.training.stage.preparation import prepare_stage

pytestmark = pytest.mark.torch

ROWS_ONLY, ADAPTERS = RECIPES["new-rows-only"].stages[0], RECIPES["redwhale"].stages[-1]


def trained(prepared: Any) -> dict[str, Any]:
    return {name: each for name, each in prepared.model.named_parameters() if each.requires_grad}


def optimizer_of(prepared: Any) -> Any:
    import torch

    return torch.optim.AdamW(trained(prepared).values(), lr=1e-2, weight_decay=0.1)


def test_adapters_are_the_same_for_the_same_seed() -> None:
    import torch

    values: list[torch.Tensor] = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed * len(values))
        prepared = prepare_stage(make("llama"), ADAPTERS, NEW_IDS, seed)
        values.append(torch.cat([each.detach().flatten() for each in trained(prepared).values()]))
    assert torch.equal(values[0], values[1])
    assert not torch.equal(values[0], values[2])


def test_the_random_state_of_the_caller_is_left_alone() -> None:
    import torch

    torch.manual_seed(5)
    before = torch.get_rng_state()
    prepare_stage(make("llama"), ADAPTERS, NEW_IDS)
    torch.manual_seed(5)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", ["llama", "gpt2", "bert"])
def test_what_adapters_learned_is_in_the_weights(name: str) -> None:
    import torch

    stage = Stage("adapters", ("adapters",), 1.0, 1e-3, adapters=Adapters(rank=4, alpha=8, dropout=0.0))
    prepared = prepare_stage(make(name), stage, NEW_IDS)
    optimizer = optimizer_of(prepared)
    for seed in range(3):
        step(prepared.model, optimizer, seed)
    with torch.no_grad():
        before = prepared.model.eval()(input_ids=batch()).logits
        after = prepared.finish()(input_ids=batch()).logits
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(after, make(name)(input_ids=batch()).logits, atol=1e-2)


@pytest.mark.parametrize("stage", [ROWS_ONLY, ADAPTERS, RECIPES["eeve"].stages[5]], ids=lambda stage: stage.name)
@pytest.mark.parametrize("name", ["llama", "qwen2", "bert"])
def test_a_checkpoint_in_the_middle_of_a_stage_holds_all_that_was_learned(
    name: str, stage: Stage, tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import load_file

    prepared = prepare_stage(make(name), stage, NEW_IDS)
    step(prepared.model, optimizer_of(prepared))
    prepared.model.save_pretrained(tmp_path)
    again = prepare_stage(make(name), stage, NEW_IDS, seed=9)
    stored = load_file(tmp_path / "model.safetensors")
    result = again.model.load_state_dict(stored, strict=False)
    assert not result.unexpected_keys
    assert not any("new_" in key or "lora" in key for key in result.missing_keys)
    prepared.finish()
    again.model.tie_weights()
    assert bits(again.finish()) == bits(prepared.model)
    assert isinstance(prepared.model, torch.nn.Module)


def test_a_model_without_new_tokens_is_refused_where_their_rows_are_trained() -> None:
    model = make("llama")
    before = bits(model)
    with pytest.raises(InputError, match="Stage 'new rows' trains the rows of new tokens, and this model has none"):
        prepare_stage(model, ROWS_ONLY, np.array([], np.int64))
    with pytest.raises(InputError, match="A new token has the id 40, and the embedding 40 rows"):
        prepare_stage(model, ROWS_ONLY, np.array([40]))
    assert bits(model) == before
    assert prepare_stage(model, ADAPTERS, np.array([], np.int64)).trainable


def test_a_model_that_uses_its_matrix_in_another_way_is_refused_and_left_as_it_was() -> None:
    import torch

    model = make("llama")
    names, before = {path: type(each) for path, each in model.named_modules()}, bits(model)
    lookup = model.get_input_embeddings()
    lookup.forward = lambda ids: torch.nn.functional.embedding(ids, lookup.weight)
    with pytest.raises(InputError, match="uses its embedding otherwise than by looking rows up and scoring them"):
        prepare_stage(model, ROWS_ONLY, NEW_IDS)
    assert {path: type(each) for path, each in model.named_modules()} == names
    assert bits(model) == before


@pytest.mark.parametrize("kind", ["gemma3_text", "llama"])
@pytest.mark.parametrize("tied", [True, False])
def test_new_coordinates_of_a_factorised_model_are_trained_apart(kind: str, tied: bool) -> None:
    import torch
    from transformers import AutoConfig

    from tests.training.families import DECODER, ROWS
    from vocabx.factorization import modeling_factorized

    config = AutoConfig.for_model(kind, **DECODER, tie_word_embeddings=tied)
    config.num_primitives = 6
    torch.manual_seed(0)
    model = modeling_factorized.FactorizedAutoModelForCausalLM.choose(config)(config).eval()
    before, ids = bits(model), batch()
    with torch.no_grad():
        scores = model(input_ids=ids).logits
    prepared = prepare_stage(model, ROWS_ONLY, NEW_IDS)
    with torch.no_grad():
        torch.testing.assert_close(model(input_ids=ids).logits, scores, rtol=1e-5, atol=1e-5)
    apart = ["model.embed_tokens.new_rows"] + ["lm_head.new_rows"] * (not tied)
    assert dict(prepared.trainable) == dict.fromkeys(apart, len(NEW_IDS) * 6)
    step(prepared.model, optimizer_of(prepared))
    after = bits(prepared.finish())
    assert list(after) == list(before)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"model.embed_tokens.weight", "lm_head.weight"}
    for name in changed:
        rows = [np.frombuffer(each[name], np.float32).reshape(ROWS, 6) for each in (before, after)]
        assert np.flatnonzero((rows[0] != rows[1]).any(axis=1)).tolist() == sorted(NEW_IDS)


def test_primitives_are_trained_with_the_embedding_whole_and_have_no_adapters() -> None:
    from transformers import AutoConfig

    from tests.training.families import DECODER
    from vocabx.factorization import modeling_factorized

    config = AutoConfig.for_model("llama", **DECODER, tie_word_embeddings=True)
    config.num_primitives = 6
    model = modeling_factorized.FactorizedAutoModelForCausalLM.choose(config)(config)
    first = RECIPES["redwhale"].stages[0]
    wanted = {"model.embed_tokens.weight", "model.embed_tokens.primitives.weight"}
    assert set(prepare_stage(model, first, NEW_IDS).trainable) == wanted
    assert not any("primitives" in name for name in prepare_stage(model, ADAPTERS, NEW_IDS).trainable)


def test_gradient_checkpointing_reaches_rows_and_adapters() -> None:
    for stage in (ROWS_ONLY, ADAPTERS):
        losses = []
        for checkpointing in (False, True):
            prepared = prepare_stage(make("llama"), stage, NEW_IDS)
            if checkpointing:
                prepared.model.activation_checkpointing_enable()
            prepared.model.train()
            for module in prepared.model.modules():
                if type(module).__name__ == "Dropout":
                    module.p = 0.0
            ids = batch()
            loss = prepared.model(input_ids=ids, labels=ids).loss
            loss.backward()
            losses.append({name: each.grad for name, each in trained(prepared).items()})
        assert all((losses[0][name] - losses[1][name]).abs().max() < 1e-6 for name in losses[0])
