"""Adam by row: each row counts its own steps, and rests while it is not drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["RowAdam"]

DECAY_OF_MEAN, DECAY_OF_SQUARE = 0.9, 0.999
EPSILON = 1e-8


class RowAdam:
    """Adam (Kingma and Ba 2015; 1412.6980) on N rows, of which a step updates some.

    The law: a row takes the steps that Adam would take with it alone, given only the gradients of the steps in which
    it was drawn. Adam over the whole matrix does not: it moves every row in every step, by moments that decay while
    nothing is learned, and a row that comes late takes steps of up to thirty times the learning rate, because its
    second moment is corrected for steps that it had no part in. Where a softmax gives all rows a gradient, however
    small, all of them move at full speed.

    `torch.optim.SparseAdam` lets rows rest too, but corrects all by one count.
    """

    def __init__(self, rows: Tensor) -> None:
        """Begin with rows of shape (N, D) in float32, which are changed in place."""
        import torch

        self._rows = rows
        self._mean, self._square = torch.zeros_like(rows), torch.zeros_like(rows)
        self._steps = torch.zeros(len(rows), 1, device=rows.device)

    def step(self, drawn: Tensor, gradient: Tensor, learning_rate: float) -> None:
        """Update the rows whose places are drawn, each once, by their rows of a gradient of shape (N, D)."""
        found = gradient[drawn]
        self._steps[drawn] += 1
        self._mean[drawn] = self._mean[drawn].lerp(found, 1 - DECAY_OF_MEAN)
        self._square[drawn] = self._square[drawn].lerp(found.square(), 1 - DECAY_OF_SQUARE)
        steps = self._steps[drawn]
        mean = self._mean[drawn] / (1 - DECAY_OF_MEAN**steps)
        size = (self._square[drawn] / (1 - DECAY_OF_SQUARE**steps)).sqrt()
        self._rows[drawn] -= learning_rate * mean / (size + EPSILON)
