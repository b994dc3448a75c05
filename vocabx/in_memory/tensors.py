"""The tensors of a loaded model that have one row per token, found as in a checkpoint, and resized."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np

from vocabx.checkpoint.locate import locate_vocabulary
from vocabx.core.arrays import Matrix
from vocabx.core.embeddings import Embeddings
from vocabx.core.errors import CheckpointError
from vocabx.core.initialization import Initialization, RowRule
from vocabx.core.plan import Plan
from vocabx.core.tokens import TokenTable
from vocabx.in_memory.refusals import check_tensor
from vocabx.stored_rows import stored_rows

if TYPE_CHECKING:
    import torch

__all__ = ["VocabularyTensors", "find_tensors", "resized_tensor", "to_numpy"]

ROWS_AT_ONCE = 16384
"""Kept rows that are gathered at a time."""


@dataclass(frozen=True)
class VocabularyTensors:
    """Each distinct tensor once, by role and name; a tied head is the input, and one bias may have two names."""

    input: torch.Tensor
    head: torch.Tensor | None
    biases: tuple[torch.Tensor, ...]
    tables: tuple[torch.Tensor, ...] = ()

    @property
    def all(self) -> tuple[torch.Tensor, ...]:
        """All of them, the input first."""
        return (self.input, *(() if self.head is None else (self.head,)), *self.biases, *self.tables)

    def embeddings(self, tokens: TokenTable) -> Embeddings:
        """Return the input rows with the table of their tokens."""
        return Embeddings(tokens, to_numpy(self.input))

    def with_rules(self, initialization: Initialization) -> Iterator[tuple[torch.Tensor, RowRule]]:
        """Yield each tensor with the rule of its new rows, the input first."""
        yield self.input, initialization.input
        if self.head is not None:
            yield self.head, initialization.head
        yield from ((bias, initialization.bias) for bias in self.biases)
        for table in self.tables:
            yield table, initialization.head if self._repeats_head(table) else initialization.input

    def _repeats_head(self, table: torch.Tensor) -> bool:
        """Whether a table is the head once more; a checkpoint's is then made as the head is, too."""
        return self.head is not None and bool(np.array_equal(_bytes(table), _bytes(self.head)))


def find_tensors(model: Any) -> VocabularyTensors:
    """Find the tensors with one row per token by the layouts that directories are read by.

    Raises
    ------
    CheckpointError
        When they cannot be told, are not here, or are of a type that rows cannot be made in.
    """
    tensors = _distinct_tensors(model)
    found = locate_vocabulary(model.config.to_dict(), {name: tuple(each.shape) for name, each in tensors.items()})
    first, last = model.get_input_embeddings(), model.get_output_embeddings()
    if getattr(first, "weight", None) is not tensors[found.input]:
        raise CheckpointError(f"{found.input} is not the input embedding that this {type(model).__name__} works with.")
    # Some models name their head in memory otherwise than in files, and by the latter alone it would be missed.
    heads = [None if found.head is None else tensors[found.head], getattr(last, "weight", None)]
    biases = [*(tensors[name] for name in found.biases), getattr(last, "bias", None)]
    located = VocabularyTensors(
        tensors[found.input],
        next((each for each in heads if each is not None and each is not tensors[found.input]), None),
        tuple({id(each): each for each in biases if each is not None}.values()),
        tuple(tensors[name] for name in found.tables),
    )
    names = {id(each): name for name, each in tensors.items()}
    for each in located.all:
        check_tensor(names[id(each)], each, model)
    return located


def _distinct_tensors(model: Any) -> dict[str, torch.Tensor]:
    """Return what the model would store by name; what is shared goes by its first name only."""
    import torch

    first: dict[int, str] = {}
    stored = {name: each for name, each in model.state_dict(keep_vars=True).items() if isinstance(each, torch.Tensor)}
    return {name: each for name, each in stored.items() if first.setdefault(id(each), name) == name}


def to_numpy(tensor: torch.Tensor) -> Matrix:
    """Return a tensor as an array of its own type, which shares its memory where that is the processor's."""
    import torch

    local = tensor.detach().cpu().contiguous()
    if local.dtype == torch.bfloat16:
        return local.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return np.asarray(local.numpy())


def _bytes(tensor: torch.Tensor) -> Matrix:
    return to_numpy(tensor).view(np.uint8)


def _to_torch(rows: Matrix, like: torch.Tensor) -> torch.Tensor:
    import torch

    data: Any = rows.view(np.int16) if rows.dtype == ml_dtypes.bfloat16 else rows
    return torch.from_numpy(np.ascontiguousarray(data)).view(like.dtype).to(like.device)


def resized_tensor(tensor: torch.Tensor, plan: Plan, rule: RowRule, padding: RowRule) -> torch.Tensor:
    """Return a tensor with `plan.rows_after` rows; the given one stays as it is.

    A bias has shape (S',) or, as BART's, (1, S'). Kept rows are gathered as they are, bit for bit, on the tensor's own
    device; the others are made on the processor, in the tensor's own type.
    """
    import torch

    is_flat, is_across = tensor.dim() == 1, tensor.dim() == 2 and tensor.shape[0] == 1 != plan.rows_before
    rows = tensor.detach()[:, None] if is_flat else tensor.detach().T if is_across else tensor.detach()
    resized = rows.new_empty((plan.rows_after, *rows.shape[1:]))
    for first in range(0, plan.kept, ROWS_AT_ONCE):
        ids = plan.kept_ids[first : first + ROWS_AT_ONCE]
        places, origins = (torch.from_numpy(each).to(rows.device) for each in (ids, plan.origins[ids]))
        resized[places] = rows[origins]
    source = to_numpy(rows).reshape(len(rows), -1)[: plan.tokens_before]
    if plan.new:
        made = stored_rows(source, rule, plan.new)
        resized[torch.from_numpy(plan.new_ids).to(rows.device)] = _to_torch(made, rows).reshape(-1, *rows.shape[1:])
    if plan.padding:
        resized[plan.tokens :] = _to_torch(stored_rows(source, padding, 1), rows).reshape(1, *rows.shape[1:])
    return resized[:, 0] if is_flat else resized.T.contiguous() if is_across else resized
