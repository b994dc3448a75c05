from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.training.families import FAMILIES, NEW_IDS, ROWS, WIDTH, batch, make
from vocabx.core.errors import InputError
from vocabx.training.recipes.recipe import Stage
from vocabx.training.recipes.table import RECIPES
from vocabx.training.stage.new_rows import join_rows, separate_head_rows, separate_input_rows
from vocabx.training.stage.preparation import prepare_stage

pytestmark = pytest.mark.torch

ROWS_ONLY = RECIPES["new-rows-only"].stages[0]
OLD = np.setdiff1d(np.arange(ROWS), NEW_IDS)


def dense(name: str) -> tuple[Any, Any, Any]:
    """Make a model whose embedding, head and bias are trained whole, and return them."""
    model = make(name).requires_grad_(False)
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    for each in (*embedding.parameters(), *head.parameters()):
        each.requires_grad_(True)
    return model, embedding, head


@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_of_new_rows_are_the_dense_ones(name: str) -> None:
    import torch

    model, embedding, head = dense(name)
    apart = prepare_stage(make(name), ROWS_ONLY, NEW_IDS).model
    ids = batch()
    losses = []
    for each in (model, apart):
        loss = each(input_ids=ids, labels=ids).loss
        loss.backward()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    new_input, new_head = apart.get_input_embeddings(), apart.get_output_embeddings()
    places = torch.from_numpy(NEW_IDS)
    torch.testing.assert_close(new_input.new_rows.grad, embedding.weight.grad[places], rtol=1e-4, atol=1e-6)
    if head.weight is not embedding.weight:
        torch.testing.assert_close(new_head.new_rows.grad, head.weight.grad[places], rtol=1e-4, atol=1e-6)
    if head.bias is not None:
        torch.testing.assert_close(new_head.new_bias.grad, head.bias.grad[places], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", FAMILIES)
def test_training_is_dense_training_with_the_gradients_of_old_rows_put_to_zero(name: str) -> None:
    import torch

    model, embedding, head = dense(name)
    parameters = {id(each): each for each in (*embedding.parameters(), *head.parameters())}
    prepared = prepare_stage(make(name), ROWS_ONLY, NEW_IDS)
    optimizers = [
        torch.optim.AdamW(trained, lr=1e-2, weight_decay=0.0)
        for trained in (list(parameters.values()), [e for e in prepared.model.parameters() if e.requires_grad])
    ]
    for seed in range(3):
        for each, optimizer in zip((model, prepared.model), optimizers, strict=True):
            ids = batch(seed)
            optimizer.zero_grad()
            each(input_ids=ids, labels=ids).loss.backward()
            if each is model:
                for parameter in parameters.values():
                    parameter.grad[torch.from_numpy(OLD)] = 0
            optimizer.step()
    finished = prepared.finish().state_dict()
    for key, tensor in model.state_dict().items():
        torch.testing.assert_close(finished[key], tensor, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_optimizer_holds_states_of_new_rows_only(name: str) -> None:
    import torch

    prepared = prepare_stage(make(name), ROWS_ONLY, NEW_IDS)
    optimizer = torch.optim.AdamW([each for each in prepared.model.parameters() if each.requires_grad])
    ids = batch()
    prepared.model(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()
    held = sum(value.numel() for state in optimizer.state.values() for key, value in state.items() if key != "step")
    family = FAMILIES[name]
    matrices = 1 if family.tied else 2
    assert held == 2 * len(NEW_IDS) * (matrices * WIDTH + (family.bias is not None))


def test_rows_that_have_no_gradient_in_a_whole_embedding_have_none_apart() -> None:
    import torch

    embedding: Any = torch.nn.Embedding(6, 3, padding_idx=4)
    separate_input_rows(embedding, np.array([5, 4]))
    embedding(torch.tensor([[4, 5, 1]])).sum().backward()
    assert embedding.new_rows.grad.tolist() == [[1, 1, 1], [0, 0, 0]]


def test_rows_come_back_in_their_own_places_and_type() -> None:
    import torch

    embedding: Any = torch.nn.Embedding(6, 3, dtype=torch.bfloat16)
    before = embedding.weight.detach().clone()
    separate_input_rows(embedding, np.array([5, 0, 3]))
    assert (embedding.weight[[5, 0, 3]] == 0).all()
    assert torch.equal(embedding.new_rows, before[[5, 0, 3]])
    with torch.no_grad():
        embedding.new_rows[1] = 7
    join_rows(embedding)
    before[0] = 7
    assert torch.equal(embedding.weight, before)
    assert type(embedding) is torch.nn.Embedding
    assert list(embedding.state_dict()) == ["weight"]


def test_a_module_that_was_not_taken_apart_is_left_alone() -> None:
    import torch

    head = torch.nn.Linear(3, 4)
    join_rows(head)
    join_rows(None)
    assert list(head.state_dict()) == ["weight", "bias"]


def test_training_in_bfloat16_by_autocast_works() -> None:
    import torch

    for name in ("llama", "qwen2", "bert"):
        prepared = prepare_stage(make(name), ROWS_ONLY, NEW_IDS)
        ids = batch()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = prepared.model(input_ids=ids, labels=ids)
        output.loss.backward()
        assert output.logits.dtype == torch.bfloat16
        assert all(each.grad.dtype == torch.float32 for each in prepared.model.parameters() if each.requires_grad)


def test_a_head_whose_bias_alone_is_trained_apart_keeps_its_rows() -> None:
    model = make("bert")
    before = {key: value.clone() for key, value in model.state_dict().items()}
    prepared = prepare_stage(model, Stage("one", ("input", "new-head-rows"), 1.0, 1e-3), NEW_IDS)
    assert set(prepared.trainable) == {
        "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.new_bias",
    }
    prepared.finish()
    assert all((before[key] == value).all() for key, value in model.state_dict().items())


def test_an_embedding_that_changes_its_rows_by_itself_is_refused() -> None:
    import torch

    with pytest.raises(InputError, match="new rows of a Embedding cannot be trained alone"):
        separate_input_rows(torch.nn.Embedding(6, 3, max_norm=1.0), NEW_IDS)


def test_a_head_that_is_no_linear_layer_is_refused() -> None:
    import torch

    with pytest.raises(InputError, match="new rows of a Bilinear cannot be trained alone"):
        separate_head_rows(torch.nn.Bilinear(2, 3, 4), NEW_IDS)
