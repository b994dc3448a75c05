from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.distillation.models import extend_small
from vocabx.core.errors import TrainingError
from vocabx.distillation.rows import TrainedRows

pytestmark = pytest.mark.torch


def open_model(root: Path, tied: bool) -> tuple[Any, Any]:
    subject = extend_small(root, tied=tied).open()
    return subject.model, subject.known[::2]


def state(model: Any) -> dict[str, Any]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("head", [False, True])
@pytest.mark.parametrize("tied", [True, False])
def test_only_the_rows_that_are_trained_move_and_weight_decay_is_none(tmp_path: Path, tied: bool, head: bool) -> None:
    import torch

    model, ids = open_model(tmp_path, tied)
    before = state(model)
    rows = TrainedRows(model, ids, learning_rate=0.1, scores=True, head=head)
    shown = torch.from_numpy(np.array([[3, *ids, 5]]))
    drawn = np.isin(shown.numpy(), ids)
    for _ in range(3):
        rows.step(lambda: model(input_ids=shown, labels=shown).loss, shown.numpy(), drawn, 1.0)
    rows.join()
    after = model.state_dict()
    assert after.keys() == before.keys()
    moved = {"model.embed_tokens.weight", *(["lm_head.weight"] if tied or head else [])}
    for name, tensor in after.items():
        changed = (tensor != before[name]).reshape(len(tensor), -1).any(1) if tensor.ndim else tensor != before[name]
        assert changed.nonzero()[:, 0].tolist() == (ids.tolist() if name in moved else []), name


def test_a_row_that_is_not_drawn_stays_and_one_that_is_has_the_dense_gradient(tmp_path: Path) -> None:
    import torch

    model, ids = open_model(tmp_path, False)
    shown = torch.from_numpy(ids[None, :4].copy())
    drawn = np.array([[True, False, True, False]])
    embedding = model.get_input_embeddings()
    embedding.weight.requires_grad_(True)
    model.base_model(input_ids=shown).last_hidden_state.square().sum().backward()
    dense = embedding.weight.grad[torch.from_numpy(ids)].clone()
    embedding.weight.grad = None
    before = embedding.weight.detach().clone()
    rows = TrainedRows(model, ids, learning_rate=0.1, scores=False, head=False)
    (master,) = rows.masters
    begun = master.clone()
    rows.step(lambda: model.base_model(input_ids=shown).last_hidden_state.square().sum(), shown.numpy(), drawn, 1.0)
    # The first step of Adam has the signs of the gradient.
    expected = -dense.sign() * torch.tensor([True, False, True, False, *[False] * (len(ids) - 4)])[:, None]
    torch.testing.assert_close((master - begun).sign(), expected)
    rows.join()
    changed = (model.get_input_embeddings().weight != before).any(1).nonzero()[:, 0].tolist()
    assert changed == sorted(ids[[0, 2]].tolist())


def test_the_optimizer_holds_new_rows_alone(tmp_path: Path) -> None:
    model, ids = open_model(tmp_path, True)
    rows = TrainedRows(model, ids, learning_rate=0.1, scores=True, head=True)
    assert [tuple(master.shape) for master in rows.masters] == [(len(ids), 16)]


def test_a_loss_that_is_no_number_stops_it_and_changes_nothing(tmp_path: Path) -> None:
    import torch

    model, ids = open_model(tmp_path, True)
    before = state(model)
    rows = TrainedRows(model, ids, learning_rate=0.1, scores=False, head=False)
    shown = torch.from_numpy(ids[None, :4].copy())
    drawn = np.full((1, 4), True)
    with pytest.raises(TrainingError, match=r"The loss is nan .* nothing was written"):
        rows.step(
            lambda: model.base_model(input_ids=shown).last_hidden_state.sum() * float("nan"), ids[None, :4], drawn, 1.0
        )
    rows.join()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
