from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocabx.distillation.row_adam import RowAdam

pytestmark = pytest.mark.torch


@given(st.lists(st.lists(st.integers(0, 3), unique=True, max_size=4), max_size=12), st.integers(0, 9))
def test_each_row_moves_as_adam_moves_it_alone_by_the_gradients_that_it_was_drawn_for(
    draws: list[list[int]], seed: int
) -> None:
    import torch

    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(4, 3, generator=generator)
    gradients = [torch.randn(4, 3, generator=generator) for _ in draws]
    begun = rows.clone()
    ours = RowAdam(rows)
    for drawn, gradient in zip(draws, gradients, strict=True):
        ours.step(torch.tensor(drawn, dtype=torch.int64), gradient, 0.1)
    for place in range(4):
        alone = torch.nn.Parameter(begun[place].clone())
        optimizer = torch.optim.Adam([alone], lr=0.1)
        for drawn, gradient in zip(draws, gradients, strict=True):
            if place in drawn:
                alone.grad = gradient[place].clone()
                optimizer.step()
        torch.testing.assert_close(rows[place], alone.detach())


def test_a_row_that_is_drawn_late_takes_no_longer_step_than_any_other() -> None:
    import torch

    rows = torch.zeros(2, 4)
    ours = RowAdam(rows)
    for _ in range(500):
        ours.step(torch.tensor([0]), torch.ones(2, 4), 1e-3)
    ours.step(torch.tensor([1]), torch.ones(2, 4), 1e-3)
    assert np.allclose(rows[1], -1e-3)
