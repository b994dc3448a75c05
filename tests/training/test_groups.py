from __future__ import annotations

import re
from typing import Any

import pytest

from tests.training.families import FAMILIES, LAYERS, make
from vocabx.core.errors import InputError, UnknownNameError
from vocabx.training.recipes.groups import GROUPS, check_group, choose
from vocabx.training.recipes.layers import find_layers, text_parameters
from vocabx.training.recipes.recipe import Recipe, Stage
from vocabx.training.recipes.table import RECIPES
from vocabx.training.stage.preparation import merge_stages

TINY = {
    "vocab_size": 20,
    "hidden_size": 8,
    "intermediate_size": 8,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 4,
    "num_hidden_layers": 2,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 1,
}


def causal(kind: str, **settings: Any) -> Any:
    from transformers import AutoConfig, AutoModelForCausalLM

    return AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **{**TINY, **settings}))


@pytest.mark.torch
@pytest.mark.parametrize("name", FAMILIES)
def test_layers_are_found_in_every_family(name: str) -> None:
    layers = find_layers(make(name))
    assert (layers.name, len(layers.blocks)) == (FAMILIES[name].layers, LAYERS)


@pytest.mark.torch
def test_lists_of_experts_are_no_layers() -> None:
    model = causal("mixtral", num_local_experts=4)
    assert (find_layers(model).name, len(find_layers(model).blocks)) == ("model.layers", 2)


def seeing_model() -> Any:
    """Make a small model that reads pictures too."""
    from transformers import AutoConfig, AutoModelForImageTextToText

    sight = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2,
             "image_size": 8, "patch_size": 4}  # fmt: skip
    text = {**TINY, "num_hidden_layers": 2}
    config = AutoConfig.for_model("gemma3", text_config=text, vision_config=sight, mm_tokens_per_image=4)
    return AutoModelForImageTextToText.from_config(config)


@pytest.mark.torch
def test_the_layers_of_a_model_that_sees_are_those_that_read_text() -> None:
    model = seeing_model()
    layers = find_layers(model)
    assert (len(layers.blocks), "vision" in layers.name) == (2, False)
    trained = choose(model, ("everything",)).whole
    assert len(trained) == len(text_parameters(model))
    assert not any("vision" in name or "projector" in name for name in trained)
    assert any("embed_tokens" in name for name in trained)


@pytest.mark.torch
def test_layers_and_what_is_outside_are_everything_and_share_nothing() -> None:
    for name in FAMILIES:
        model = make(name)
        layers, outside = (choose(model, (group,)).whole for group in ("layers", "outside-layers"))
        odd, even = (choose(model, (group,)).whole for group in ("odd-layers", "even-layers"))
        assert layers | outside == {key for key, _ in model.named_parameters()} == choose(model, ("everything",)).whole
        assert not layers & outside
        assert (odd | even, odd & even) == (layers, frozenset())
        assert choose(model, ("input", "head")).whole <= outside


@pytest.mark.torch
@pytest.mark.parametrize(
    ("layers", "group", "told"),
    [
        (1, "odd-layers", "trains odd-layers, but this LlamaForCausalLM has 1 layer (model.layers); choose another"),
        (2, "last-layers-3", "trains last-layers-3, but this LlamaForCausalLM has 2 layers (model.layers)"),
    ],
)
def test_layers_that_a_model_lacks_are_said_in_one_sentence(layers: int, group: str, told: str) -> None:
    with pytest.raises(InputError, match=re.escape(told)):
        choose(causal("llama", num_hidden_layers=layers), (group,))


@pytest.mark.torch
def test_a_recipe_for_layers_that_a_model_lacks_is_refused_before_any_stage() -> None:
    with pytest.raises(InputError, match="trains odd-layers"):
        merge_stages(RECIPES["redwhale"], causal("llama", num_hidden_layers=1))


@pytest.mark.torch
def test_a_model_without_a_head_is_refused_where_the_head_is_trained() -> None:
    from transformers import AutoConfig, AutoModel

    config = {name: value for name, value in TINY.items() if name not in ("num_key_value_heads", "head_dim")}
    model = AutoModel.from_config(AutoConfig.for_model("bert", **config))
    assert choose(model, ("input",)).whole == {"embeddings.word_embeddings.weight"}
    for group in ("head", "new-head-rows"):
        with pytest.raises(InputError, match="A BertModel has no output head to train"):
            choose(model, (group,))


def test_every_group_of_the_table_is_a_group() -> None:
    for name in GROUPS:
        check_group(name.replace("-N", "-3"))


@pytest.mark.parametrize("name", ["first-layers-N", "first-layers-0", "last-layers--1", "layer", "", "first-layers-02"])
def test_other_names_are_no_groups(name: str) -> None:
    with pytest.raises(UnknownNameError, match="no group of parameters"):
        check_group(name)


@pytest.mark.torch
def test_stages_that_differ_in_the_head_alone_become_one_where_it_is_tied() -> None:
    tied, untied = (merge_stages(RECIPES["eeve"], make(name)) for name in ("qwen2", "llama"))
    assert untied == RECIPES["eeve"].stages
    assert [stage.name for stage in tied] == [
        "new input rows + new head rows + new rows",
        "head + new input rows and head",
        "all layers",
        "body",
    ]
    assert [round(stage.share * 7) for stage in tied] == [3, 2, 1, 1]
    assert tied[0].trains == ("new-input-rows", "new-head-rows")


@pytest.mark.torch
def test_stages_that_differ_in_their_way_of_training_stay_apart() -> None:
    from dataclasses import replace

    recipe = RECIPES["eeve"]
    slower = replace(recipe.stages[1], learning_rate=1e-5)
    recipe = replace(recipe, stages=(recipe.stages[0], slower, *recipe.stages[2:]))
    assert [stage.name for stage in merge_stages(recipe, make("qwen2"))][:3] == [
        "new input rows",
        "new head rows",
        "new rows",
    ]


@pytest.mark.torch
def test_shares_that_sum_to_one_by_rounding_may_become_one_stage() -> None:
    thirds = tuple(Stage(name, (name,), 0.3333335, 1e-3) for name in ("input", "head", "input"))
    assert [stage.share for stage in merge_stages(Recipe("thirds", "", "a test", thirds), make("qwen2"))] == [1.0]


@pytest.mark.torch
def test_a_bias_of_its_own_keeps_stages_of_a_tied_model_apart() -> None:
    assert len(merge_stages(RECIPES["eeve"], make("bert"))) == 5
