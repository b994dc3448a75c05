"""An optimizer that is given goes on: old rows with what it knows of them, new rows as if they had just begun."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import vocabx
from tests.extension.bases import learning, save_tokenizer
from tests.in_memory.families import load, save_family
from tests.tokenizer_tools.toys import metaspace
from vocabx.core.errors import InputError

pytestmark = pytest.mark.torch

RATE, BETAS, EPSILON, DECAY = 0.01, (0.9, 0.99), 1e-8, 0.1


def trained(directory: Path, family: str = "qwen3", kind: str = "AdamW", **options: Any) -> tuple[Any, Any, Any]:
    """Return a model, its tokenizer and its optimizer after a few steps."""
    import torch

    model, tokenizer = load(save_family(directory / "base", family), family)
    model.float().train()
    decayed = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    others = [parameter for parameter in model.parameters() if parameter.dim() < 2]
    groups = [{"params": decayed, **options}, {"params": others}]
    optimizer = getattr(torch.optim, kind)(groups, lr=RATE)
    for seed in range(3):
        step(model, optimizer, seed)
    return model, tokenizer, optimizer


def step(model: Any, optimizer: Any, seed: int, low: int = 5, high: int = 300) -> None:
    import torch

    ids = torch.randint(low, high, (1, 12), generator=torch.Generator().manual_seed(seed))
    optimizer.zero_grad()
    model(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()


def test_the_parameters_are_replaced_where_they_were(tmp_path: Path) -> None:
    model, tokenizer, optimizer = trained(tmp_path, weight_decay=0.3)
    before = [[id(parameter) for parameter in group["params"]] for group in optimizer.param_groups]
    old = model.get_input_embeddings().weight
    vocabx.extend_model(model, tokenizer, **learning(tmp_path), optimizer=optimizer)
    after = [[id(parameter) for parameter in group["params"]] for group in optimizer.param_groups]
    new = id(model.get_input_embeddings().weight)
    assert [[new if each == id(old) else each for each in group] for group in before] == after
    assert {each for group in after for each in group} == {id(parameter) for parameter in model.parameters()}
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.3, 0.01]
    assert old not in optimizer.state
    assert set(optimizer.state) == set(model.parameters())


@pytest.mark.parametrize("change", ["extend", "replace", "trim"])
@pytest.mark.parametrize("family", ["qwen3", "llama"], ids=["tied", "untied"])
def test_kept_rows_keep_their_state_and_the_others_begin_at_zero(family: str, change: str, tmp_path: Path) -> None:
    import torch

    model, tokenizer, optimizer = trained(tmp_path, family, amsgrad=True)
    before = {
        name: {key: value.clone() for key, value in optimizer.state[parameter].items()}
        for name, parameter in model.named_parameters()
    }
    text = learning(tmp_path)
    decision: Any
    if change == "extend":
        _, decision = vocabx.extend_model(model, tokenizer, **text, pad_to_multiple=64, optimizer=optimizer)
    elif change == "replace" and family == "llama":
        save_tokenizer(tmp_path / "target", metaspace())
        _, decision = vocabx.replace_model(model, tokenizer, tmp_path / "target", optimizer=optimizer)
    else:
        _, decision = vocabx.trim_model(model, tokenizer, text["source_sample"], optimizer=optimizer)
    plan, resized = decision.plan, 0
    for name, parameter in model.named_parameters():
        state = optimizer.state[parameter]
        assert state.keys() == before[name].keys()
        assert torch.equal(state["step"], before[name]["step"])
        for key in state.keys() - {"step"}:
            assert state[key].shape == parameter.shape
            if parameter.shape == before[name][key].shape:
                assert torch.equal(state[key], before[name][key])
                continue
            resized += 1
            kept = before[name][key][plan.origins[plan.kept_ids]]
            assert torch.equal(state[key][plan.kept_ids], kept)
            assert kept.any()
            others = torch.ones(plan.rows_after, dtype=torch.bool)
            others[plan.kept_ids] = False
            assert not state[key][others].any()
    assert resized == 3 * (1 if family == "qwen3" else 2)


def test_the_next_step_is_that_of_the_formula(tmp_path: Path) -> None:
    """AdamW as its paper has it, from the state that was, for old rows, and from none for new ones."""
    import torch

    model, tokenizer, optimizer = trained(tmp_path, betas=BETAS, eps=EPSILON, weight_decay=DECAY)
    weight = model.get_input_embeddings().weight
    moments = {key: optimizer.state[weight][key].clone().double() for key in ("exp_avg", "exp_avg_sq")}
    _, extension = vocabx.extend_model(model, tokenizer, **learning(tmp_path), optimizer=optimizer)
    plan, weight = extension.plan, model.get_input_embeddings().weight
    before, steps = weight.detach().clone().double(), 4
    first, second = (
        torch.cat([moment[: plan.kept], torch.zeros(plan.rows_after - plan.kept, 16).double()])
        for moment in moments.values()
    )
    step(model, optimizer, seed=9, low=5, high=plan.tokens)
    gradient = weight.grad.double()
    assert gradient[plan.new_ids].any()
    first = BETAS[0] * first + (1 - BETAS[0]) * gradient
    second = BETAS[1] * second + (1 - BETAS[1]) * gradient**2
    corrected = second / (1 - BETAS[1] ** steps)
    change = RATE * (first / (1 - BETAS[0] ** steps)) / (corrected.sqrt() + EPSILON)
    expected = before * (1 - RATE * DECAY) - change
    torch.testing.assert_close(weight.detach().double(), expected, rtol=1e-5, atol=1e-6)


def test_training_on_is_training_on_for_what_does_not_change(tmp_path: Path) -> None:
    """With all new rows frozen out of sight, an untied input goes on to the bit as if nothing had been extended."""
    import torch

    results = []
    for extends in (False, True):
        model, tokenizer, optimizer = trained(tmp_path / str(extends), "llama", kind="SGD", momentum=0.9)
        if extends:
            (tmp_path / "text").mkdir()
            vocabx.extend_model(model, tokenizer, **learning(tmp_path / "text"), optimizer=optimizer)
            with torch.no_grad():
                model.lm_head.weight[705:] = -1e4 * torch.sign(model.lm_head.weight[705:])
        before = model.get_input_embeddings().weight[:700].detach().clone()
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()  # without a gradient momentum alone moves the rows
        after = model.get_input_embeddings().weight[:700].detach()
        assert not torch.equal(before, after)
        results.append(after)
    assert torch.equal(*results)


def test_factored_state_keeps_its_rows(tmp_path: Path) -> None:
    model, tokenizer, optimizer = trained(tmp_path, kind="Adafactor")
    weight = model.get_input_embeddings().weight
    rows, columns = optimizer.state[weight]["row_var"].clone(), optimizer.state[weight]["col_var"].clone()
    _, extension = vocabx.extend_model(model, tokenizer, **learning(tmp_path), optimizer=optimizer)
    state = optimizer.state[model.get_input_embeddings().weight]
    assert state["row_var"].shape == (extension.plan.rows_after, 1)
    assert state["row_var"][: extension.plan.kept].tolist() == rows[: extension.plan.kept].tolist()
    assert state["col_var"].tolist() == columns.tolist()
    step(model, optimizer, seed=5)


def test_an_optimizer_that_has_not_begun_gets_the_parameters(tmp_path: Path) -> None:
    import torch

    model, tokenizer = load(save_family(tmp_path / "base", "bert"), "bert")
    optimizer = torch.optim.AdamW(model.parameters())
    vocabx.extend_model(model, tokenizer, **learning(tmp_path), optimizer=optimizer)
    assert {id(each) for each in optimizer.param_groups[0]["params"]} == {id(each) for each in model.parameters()}
    assert not optimizer.state


def test_an_optimizer_of_other_parameters_is_refused(tmp_path: Path) -> None:
    import torch

    model, tokenizer = load(save_family(tmp_path / "base", "llama"), "llama")
    optimizer = torch.optim.AdamW(model.model.layers.parameters())
    with pytest.raises(InputError, match="holds none of the parameters with a row per token"):
        vocabx.extend_model(model, tokenizer, **learning(tmp_path), optimizer=optimizer)
    with pytest.raises(InputError, match="An optimizer of torch is needed, not a str"):
        vocabx.extend_model(model, tokenizer, **learning(tmp_path), optimizer="AdamW")  # type: ignore[arg-type]


def test_state_in_eight_bits_is_refused(tmp_path: Path) -> None:
    import torch

    model, tokenizer, optimizer = trained(tmp_path)
    weight = model.get_input_embeddings().weight
    optimizer.state[weight]["state1"] = torch.zeros(weight.shape, dtype=torch.uint8)
    with pytest.raises(InputError, match=r"keeps state1 as torch\.uint8, from which no rows can be taken"):
        vocabx.extend_model(model, tokenizer, **learning(tmp_path), optimizer=optimizer)
    assert model.get_input_embeddings().weight is weight
