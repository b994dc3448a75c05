from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.families import FAMILIES, LAYERS, NEW_IDS, ROWS, WIDTH, Family, bits, make, step
from vocabx.training.recipes.table import RECIPES
from vocabx.training.stage.preparation import prepare_stage

pytestmark = pytest.mark.torch

NONE: tuple[int, ...] = ()
ALL, ODD, EVEN, BOTH_ENDS = (0, 1, 2, 3, 4), (1, 3), (0, 2, 4), (0, 1, 3, 4)

# What each stage trains: input, head ("" nothing, "new" rows, "all" rows), layers, whether all that is in no layer,
# whether adapters.
SPECIFICATION: dict[str, list[tuple[str, str, tuple[int, ...], bool, bool]]] = {
    "new-rows-only": [("new", "new", NONE, False, False)],
    "embeddings-only": [("all", "all", NONE, False, False)],
    "frozen-body": [("all", "all", NONE, False, False), ("all", "all", ALL, True, False)],
    "redwhale": [
        ("all", "all", NONE, False, False),
        ("", "", ODD, False, False),
        ("", "", EVEN, False, False),
        ("", "", NONE, False, True),
    ],
    "eeve": [
        ("new", "", NONE, False, False),
        ("", "new", NONE, False, False),
        ("new", "new", NONE, False, False),
        ("", "all", NONE, False, False),
        ("new", "all", NONE, False, False),
        ("new", "all", NONE, False, True),
        ("", "", NONE, False, True),
    ],
    "2x2ls": [("all", "all", BOTH_ENDS, True, False)],
    "lora": [("all", "all", NONE, False, True)],
    "full": [("all", "all", ALL, True, False)],
}
CASES = [(family, recipe, stage) for family in FAMILIES for recipe in SPECIFICATION
         for stage in range(len(SPECIFICATION[recipe]))]  # fmt: skip


def expected(family: Family, names: list[str], case: tuple[str, str, tuple[int, ...], bool, bool]) -> Iterator[str]:
    """Name what is trained, by what a family's file says."""
    first, last, layers, outside, adapters = case
    if family.tied and "all" in (first, last):
        first = "all"
    elif family.tied and "new" in (first, last):
        first = "new"
    if first:
        yield family.input if first == "all" else family.input.replace(".weight", ".new_rows")
    if last and not family.tied:
        yield family.head if last == "all" else family.head.replace(".weight", ".new_rows")
    if last and family.bias:
        before, _, _ = family.bias.rpartition(".")
        yield family.bias if last == "all" else f"{before}.decoder.new_bias"
    for name in names:
        in_layer = name.startswith(f"{family.layers}.")
        number = int(name.removeprefix(f"{family.layers}.").partition(".")[0]) if in_layer else -1
        if number in layers or (outside and not in_layer):
            yield name
    if adapters:
        linear = [f"{family.layers}.{layer}.{name}" for layer in range(LAYERS) for name in family.linear]
        for name in (*linear, *family.linear_outside):
            yield from (f"{name}.lora_{letter}.default.weight" for letter in "AB")


def optimizer_of(model: Any) -> Any:
    import torch

    return torch.optim.AdamW([each for each in model.parameters() if each.requires_grad], lr=1e-2, weight_decay=0.1)


def rows_of(content: bytes) -> Any:
    return np.frombuffer(content, np.float32).reshape(ROWS, -1)


@pytest.mark.parametrize(("name", "recipe", "number"), CASES)
def test_a_stage_trains_what_is_specified_and_nothing_else(name: str, recipe: str, number: int) -> None:
    family, model = FAMILIES[name], make(name)
    case = SPECIFICATION[recipe][number]
    kind, before = type(model), bits(model)
    parameters, modules = dict(model.named_parameters()), {path: type(each) for path, each in model.named_modules()}
    attributes = set(vars(model))
    prepared = prepare_stage(model, RECIPES[recipe].stages[number], NEW_IDS)
    wanted = set(expected(family, list(parameters), case))
    assert set(prepared.trainable) == wanted
    assert {key for key, each in prepared.model.named_parameters() if each.requires_grad} == wanted
    assert prepared.trainable.get(family.input.replace(".weight", ".new_rows"), len(NEW_IDS) * WIDTH) == 5 * WIDTH

    optimizer = optimizer_of(prepared.model)
    for seed in range(3):
        step(prepared.model, optimizer, seed)
    finished = prepared.finish()
    after = bits(finished)

    assert finished is model
    assert type(finished) is kind
    assert {path: type(each) for path, each in finished.named_modules()} == modules
    assert set(vars(finished)) == attributes
    assert [*after] == [*before]
    assert [key for key, _ in finished.named_parameters()] == [*parameters]
    assert not any(each.requires_grad for each in finished.parameters())

    new = {key for key in before if before[key] != after[key]}
    whole = {key for key in wanted if key in parameters}
    adapted = {f"{key.partition('.lora_')[0]}.weight" for key in wanted if ".lora_" in key}
    apart = {key for key in (family.input, family.head, family.bias) if key and key not in whole}
    first = {id(each): key for key, each in parameters.items()}
    shared = {key: first[id(each)] for key, each in finished.state_dict(keep_vars=True).items() if id(each) in first}
    assert {shared[key] for key in new} - apart == (whole | adapted) - apart
    for key in apart:
        moved = (rows_of(before[key]) != rows_of(after[key])).any(axis=1)
        trained = any("new_" in each and _is_of(each, key, family) for each in wanted)
        assert np.flatnonzero(moved).tolist() == (sorted(NEW_IDS.tolist()) if trained else [])


def _is_of(name: str, key: str, family: Family) -> bool:
    """Whether the trained entries of that name are those of a tensor."""
    if name.endswith("new_bias"):
        return key == family.bias
    return name.rpartition(".")[0] == key.rpartition(".")[0] and key != family.bias


@pytest.mark.parametrize("name", FAMILIES)
def test_a_model_that_went_through_all_stages_is_saved_and_opened_as_any_other(name: str, tmp_path: Path) -> None:
    import torch

    model = make(name)
    for stage in RECIPES["eeve"].stages:
        prepared = prepare_stage(model, stage, NEW_IDS)
        step(prepared.model, optimizer_of(prepared.model))
        model = prepared.finish()
    model.eval().save_pretrained(tmp_path)
    reopened = type(model).from_pretrained(tmp_path).eval()
    ids = torch.arange(2, 36)[None]
    with torch.no_grad():
        assert torch.equal(model(input_ids=ids).logits, reopened(input_ids=ids).logits)
    assert bits(reopened) == bits(model)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("recipe", [name for name, recipe in RECIPES.items() if recipe.keeps_old_rows])
def test_a_recipe_that_promises_to_keep_old_rows_does(name: str, recipe: str) -> None:
    model, family = make(name), FAMILIES[name]
    before = bits(model)
    for stage in RECIPES[recipe].stages:
        prepared = prepare_stage(model, stage, NEW_IDS)
        step(prepared.model, optimizer_of(prepared.model))
        prepared.finish()
    after = bits(model)
    old = np.setdiff1d(np.arange(ROWS), NEW_IDS)
    for key in (family.input, family.head, family.bias):
        if key:
            assert (rows_of(before[key])[old] == rows_of(after[key])[old]).all()


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_prepared_model_computes_what_it_did(name: str, recipe: str) -> None:
    import torch

    ids = torch.arange(2, 36)[None]
    for stage in RECIPES[recipe].stages:
        model = make(name)
        with torch.no_grad():
            before = model(input_ids=ids).logits
            prepared = prepare_stage(model, stage, NEW_IDS)
            assert torch.allclose(prepared.model.eval()(input_ids=ids).logits, before, rtol=1e-5, atol=1e-5)
            assert torch.allclose(prepared.finish()(input_ids=ids).logits, before, rtol=1e-5, atol=1e-5)


def test_every_recipe_that_ships_is_specified_here() -> None:
    assert {name: len(stages) for name, stages in SPECIFICATION.items()} == {
        name: len(recipe.stages) for name, recipe in RECIPES.items()
    }
