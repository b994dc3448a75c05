"""The rows that are trained: apart from their matrices, in float32, with an optimizer of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vocabx.core.arrays import Bools, Ints, Matrix
from vocabx.core.errors import TrainingError
from vocabx.distillation.row_adam import RowAdam
from vocabx.training.stage.new_rows import join_rows, separate_head_rows, separate_input_rows

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["TrainedRows"]


class TrainedRows:
    """N rows of the input, and of the head where it has rows of its own to train.

    All else is frozen, and the optimizer knows of nothing else: its states have shape (N, D). Rows are kept in float32
    whatever the model computes in, because a step is less than bfloat16 resolves.

    Attributes
    ----------
    masters : list of Tensor
        The rows of each matrix, shape (N, D).
    """

    def __init__(self, model: Any, ids: Ints, *, learning_rate: float, scores: bool, head: bool) -> None:
        """Take the rows out of the model, in place.

        Parameters
        ----------
        model : transformers model
        ids : ndarray of int64, shape (N,)
            Ascending.
        learning_rate : float
            As a share of the root mean square of the entries of each matrix.
        scores : bool
            Whether the head will be used.
        head : bool
            Whether a head of its own is trained.
        """
        embedding, output = model.get_input_embeddings(), model.get_output_embeddings()
        is_tied = output is not None and output.weight is embedding.weight
        self._modules = [embedding]
        rates = [learning_rate * _size(embedding.weight)]
        model.requires_grad_(False)
        if scores and not is_tied and head:
            rates.append(learning_rate * _size(output.weight))
        separate_input_rows(embedding, ids)
        if scores and (is_tied or head):
            separate_head_rows(output, ids, embedding if is_tied else None, bias=False)
            self._modules.append(output)
        self._parameters = [module.new_rows for module in self._modules if "new_rows" in module._parameters]
        self.masters = [parameter.detach().float().clone() for parameter in self._parameters]
        self._optimizers = [RowAdam(master) for master in self.masters]
        self._rates, self._ids = rates, ids
        self._hook = embedding.register_forward_hook(self._hold)
        self._drawn: Any = None

    def begin(self, stored: Sequence[Matrix]) -> None:
        """Begin from rows as they are stored, shape (V, D) for each matrix: the model's may be rounded to its type."""
        import torch

        for master, matrix in zip(self.masters, stored, strict=True):
            master.copy_(torch.from_numpy(np.asarray(matrix[self._ids], np.float32)))

    def _hold(self, _module: Any, _inputs: Any, output: Tensor) -> Tensor:
        """Let gradients through to the rows that are drawn here, and to no other."""
        import torch

        if self._drawn is None or not torch.is_grad_enabled():  # the teacher reads other ids
            return output
        return torch.where(self._drawn[..., None], output, output.detach())

    def step(self, loss: Callable[[], Tensor], ids: Ints, drawn: Bools, share: float) -> float:
        """Update the rows that are drawn by the loss of what `loss()` reads, and return it as it was.

        Parameters
        ----------
        loss : callable
            Reads one batch.
        ids : ndarray of int64, shape (B, L)
            The batch as the student reads it.
        drawn : ndarray of bool, shape (B, L)
            Where a token stands that is trained here. All other rows stay as they are, also where they have a gradient
            because they are scored.
        share : float
            Of the learning rate.

        Raises
        ------
        TrainingError
            When the loss or a gradient is not finite; nothing is changed then.
        """
        import torch

        self._drawn = torch.as_tensor(drawn).to(self.masters[0].device)
        for parameter in self._parameters:
            parameter.requires_grad_(True)
        value = loss()
        self._drawn = None
        gradients = torch.autograd.grad(value, self._parameters, allow_unused=True, materialize_grads=True)
        value = value.detach()
        norms = []
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            parameter.requires_grad_(False)
            norms.append(gradient.float().norm())
        norm = torch.stack(norms).sum()
        if not torch.isfinite(value) or not torch.isfinite(norm):
            raise TrainingError(
                f"The loss is {float(value):g} and its gradient {float(norm):g}, so the distillation stopped and "
                "nothing was written. Choose a smaller --learning-rate, or --dtype float32."
            )
        places = torch.from_numpy(np.searchsorted(self._ids, np.unique(ids[drawn]))).to(value.device)
        with torch.no_grad():
            for optimizer, gradient, rate in zip(self._optimizers, gradients, self._rates, strict=True):
                optimizer.step(places, gradient.float(), rate * share)
            for parameter, master in zip(self._parameters, self.masters, strict=True):
                parameter.copy_(master)
        return float(value)

    def join(self) -> None:
        """Put the rows back into the model."""
        self._hook.remove()
        for module in reversed(self._modules):
            join_rows(module)


def _size(weight: Tensor) -> float:
    return float(weight.detach().float().square().mean().sqrt())
