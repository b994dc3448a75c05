from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.families import FAMILIES, NEW_IDS, batch, bits, make, step
from vocabx.core.errors import InputError
from vocabx.training.recipes.table import RECIPES
from vocabx.training.stage.next_but_one import attach, detach, labels_after_next
from vocabx.training.stage.preparation import prepare_stage

pytestmark = pytest.mark.torch

CAUSAL = [name for name, family in FAMILIES.items() if family.auto == "CausalLM"]
BOTH_ENDS = RECIPES["2x2ls"].stages[0]


def mean_loss(scores: Any, labels: list[list[int]], ahead: int) -> float:
    """Sum the losses of all places one by one."""
    losses = []
    for row, wanted in enumerate(labels):
        for place in range(len(wanted) - ahead):
            if all(label != -100 for label in wanted[place + 1 : place + ahead + 1]):
                losses.append(-float(scores[row, place].double().log_softmax(-1)[wanted[place + ahead]]))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("name", CAUSAL)
def test_the_loss_is_that_of_the_next_token_and_of_the_one_after_it(name: str) -> None:
    import torch

    model = make(name)
    attach(model)
    with torch.no_grad():
        model.next_but_one.weight += torch.randn(model.next_but_one.weight.shape) / 10
    ids = batch()
    labels = ids.clone()
    labels[1, 4] = labels[2, :3] = -100
    states: list[Any] = []
    hook = model.get_output_embeddings().register_forward_pre_hook(lambda module, inputs: states.append(inputs[0]))
    with torch.no_grad():
        output = model.train()(input_ids=ids, labels=labels)
        second = states[0] @ model.next_but_one.weight.T
    hook.remove()
    wanted = labels.tolist()
    first_loss = mean_loss(output.logits, wanted, 1)
    assert output.loss.item() == pytest.approx(first_loss + mean_loss(second, wanted, 2), rel=1e-4)
    with torch.no_grad():
        assert model.eval()(input_ids=ids, labels=labels).loss.item() == pytest.approx(first_loss, rel=1e-4)
        assert model(input_ids=ids).loss is None


def test_at_first_the_second_head_scores_as_the_first_does_where_scores_are_capped_or_scaled() -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from tests.training.families import DECODER

    for kind, settings in (
        ("gemma2", {"final_logit_softcapping": 0.5}),
        ("cohere", {"logit_scale": 0.1}),
        ("granite", {"logits_scaling": 8.0}),
    ):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **{**DECODER, **settings}))
        attach(model)
        ids = batch()
        with torch.no_grad():
            output = model.train()(input_ids=ids, labels=ids)
        both = mean_loss(output.logits, ids.tolist(), 1) + mean_loss(output.logits, ids.tolist(), 2)
        assert output.loss.item() == pytest.approx(both, rel=1e-4)


@pytest.mark.parametrize("name", CAUSAL)
def test_the_second_head_is_trained_and_gone_afterwards(name: str) -> None:
    import torch

    model = make(name)
    kind, names, attributes = type(model), list(bits(model)), set(vars(model))
    attach(model)
    for stage in (BOTH_ENDS, RECIPES["redwhale"].stages[-1], RECIPES["new-rows-only"].stages[0]):
        before = model.next_but_one.weight.detach().clone()
        prepared = prepare_stage(model.train(), stage, NEW_IDS)
        assert prepared.trainable["next_but_one.weight"] == before.numel()
        assert not any("next_but_one.lora" in name for name in prepared.trainable)
        step(prepared.model, torch.optim.AdamW([each for each in prepared.model.parameters() if each.requires_grad]))
        prepared.finish()
        assert not torch.equal(before, model.next_but_one.weight)
    detach(model)
    assert (type(model), list(bits(model)), set(vars(model))) == (kind, names, attributes)
    assert not model._forward_hooks
    assert not model.get_output_embeddings()._forward_pre_hooks
    detach(model)


def test_the_sum_is_divided_by_the_items_that_the_trainer_counts() -> None:
    model = make("llama")
    attach(model)
    ids = batch()
    ones = model.train()(input_ids=ids, labels=ids, num_items_in_batch=1).loss.item()
    assert model(input_ids=ids, labels=ids, num_items_in_batch=10).loss.item() == pytest.approx(ones / 10)


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_a_masked_model_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="is a masked model, which predicts none"):
        attach(make(name))


@given(st.lists(st.integers(-1, 5), min_size=1, max_size=12))
def test_nothing_is_predicted_over_the_end_of_a_document(drawn: list[int]) -> None:
    import torch

    labels = [-100 if label < 0 else label for label in drawn]
    wanted = [
        labels[place + 2] if place + 2 < len(labels) and labels[place + 1] != -100 else -100
        for place in range(len(labels))
    ]
    assert labels_after_next(torch.tensor([labels])).tolist() == [wanted]
    assert np.shape(wanted) == (len(labels),)
