"""Training the rows of new tokens alone: the matrix stays frozen, and a small parameter holds the new rows.

A mask on gradients would leave the optimizer with states for the whole matrix, and weight decay or momentum would move
old rows. Here the optimizer never sees them.

While the rows are apart, the matrix has zeros in their place. So what a module gives is the sum of what the matrix and
the parameter give, in which old tokens have no part of the parameter and new ones none of the matrix. The module stays
the same object, and its class is made of its own: what it does besides, such as scaling rows, it does to both.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from vocabx.core.arrays import Ints
from vocabx.core.errors import InputError

__all__ = ["join_rows", "separate_head_rows", "separate_input_rows"]


def separate_input_rows(embedding: Any, ids: Ints) -> None:
    """Make the new rows of an input embedding a parameter of their own, ``new_rows``, in place.

    Parameters
    ----------
    embedding : torch.nn.Embedding
        Its ``weight`` has shape (T, D); the rows of the ids become zero, and others are not written to.
    ids : ndarray of int64, shape (N,)
        Ids of new tokens, each once, in any order and at any place.

    Raises
    ------
    InputError
        When it is no embedding of torch, or changes its rows by itself (``max_norm``).
    """
    import torch

    lookup, _ = _classes()
    if not isinstance(embedding, torch.nn.Embedding) or embedding.max_norm is not None:
        raise InputError(f"The new rows of a {type(embedding).__name__} cannot be trained alone; train all of them.")
    _turn(embedding, lookup, base_first=True)
    places = torch.full((embedding.num_embeddings,), -1, dtype=torch.int64, device=embedding.weight.device)
    places[torch.from_numpy(ids).to(places.device)] = torch.arange(len(ids), device=places.device)
    embedding.register_buffer("new_places", places, persistent=False)
    _take_out(embedding, "weight", "new_rows", ids)


def separate_head_rows(head: Any, ids: Ints, tied_to: Any = None, rows: bool = True, bias: bool = True) -> None:
    """Make the new rows of an output head, and the new entries of its bias, parameters of their own, in place.

    Parameters
    ----------
    head : torch.nn.Linear
        Its ``weight`` has shape (T, D).
    ids : ndarray of int64, shape (N,)
        Ids of new tokens, each once.
    tied_to : torch.nn.Embedding, optional
        The input embedding that the matrix is shared with, if its new rows are apart already: the head uses them.
    rows, bias : bool
        What to take out: ``new_rows`` (not of a head that is tied) and, where there is a bias, ``new_bias``.

    Raises
    ------
    InputError
        When it is no plain linear layer.
    """
    import torch

    _, scores = _classes()
    is_linear = isinstance(head, torch.nn.Linear)
    if not is_linear or not (type(head).forward is torch.nn.Linear.forward or hasattr(head, "primitives")):
        raise InputError(f"The new rows of a {type(head).__name__} cannot be trained alone; train all of them.")
    _turn(head, scores, base_first=False)
    head.register_buffer("new_ids", torch.from_numpy(ids).to(head.weight.device), persistent=False)
    # In a tuple, so that the embedding is no part of the head, and its rows have one name.
    head.tied_to = (tied_to,)
    if tied_to is None and rows:
        _take_out(head, "weight", "new_rows", ids)
    if bias and head.bias is not None:
        _take_out(head, "bias", "new_bias", ids)


def join_rows(module: Any) -> None:
    """Write the rows of a module back into its matrix and make it what it was; any other module is left alone."""
    import torch

    if not hasattr(module, "plain_class"):
        return
    for whole, part in (("weight", "new_rows"), ("bias", "new_bias")):
        if part in module._parameters:
            places = module.ids_in_order()
            with torch.no_grad():
                getattr(module, whole)[places] = getattr(module, part).to(getattr(module, whole).dtype)
            delattr(module, part)
    for name in ("new_places", "new_ids"):
        if name in module._buffers:
            delattr(module, name)
    if hasattr(module, "tied_to"):
        del module.tied_to
    module.__class__ = module.plain_class


def _take_out(module: Any, whole: str, part: str, ids: Ints) -> None:
    """Move entries of a parameter into one of their own, and freeze the rest."""
    import torch

    parameter = getattr(module, whole)
    places = torch.from_numpy(ids).to(parameter.device)
    taken = parameter.detach()[places].clone()
    with torch.no_grad():
        parameter[places] = 0
    parameter.requires_grad_(False)
    module.register_parameter(part, torch.nn.Parameter(taken))


def _turn(module: Any, added: type, base_first: bool) -> None:
    base = type(module)
    bases = (added,) if base in added.__mro__ else (base, added) if base_first else (added, base)
    module.__class__ = type(base.__name__, bases, {"plain_class": base, "__module__": __name__})


@cache
def _classes() -> tuple[type, type]:
    """Make the two classes; torch is optional, so that they cannot be there before it is needed."""
    import torch
    from torch.nn import functional

    class NewRowsLookup(torch.nn.Embedding):
        """Goes behind a class of embeddings, which looks rows up by `super`."""

        new_places: torch.Tensor
        new_rows: torch.nn.Parameter

        def forward(self, input: Any) -> Any:  # noqa: A002
            """Return rows of the matrix, and of the parameter where ids are new."""
            places = self.new_places[input]
            padding = None if self.padding_idx is None else int(self.new_places[self.padding_idx])
            padding = padding if padding is not None and padding >= 0 else None
            new = functional.embedding(places.clamp_min(0), self.new_rows, padding)
            return torch.where((places >= 0)[..., None], new, super().forward(input))

        def ids_in_order(self) -> Any:
            """Return the id of each new row."""
            ids = torch.nonzero(self.new_places >= 0)[:, 0]
            return ids[torch.argsort(self.new_places[ids])]

    class NewRowsScores(torch.nn.Linear):
        """Goes before a class of heads, and adds the scores of new rows to its scores."""

        new_ids: torch.Tensor
        tied_to: Any

        def forward(self, input: Any) -> Any:  # noqa: A002
            """Return the scores of all rows."""
            scores = super().forward(input)
            (lookup,) = self.tied_to
            rows: Any = getattr(self if lookup is None else lookup, "new_rows", None)
            bias: Any = getattr(self, "new_bias", None)
            if rows is not None:
                primitives: Any = getattr(self, "primitives", None)
                new: torch.Tensor = functional.linear(
                    input if primitives is None else input @ primitives.weight, rows, bias
                )
            else:
                new = bias.to(scores.dtype).expand(*scores.shape[:-1], -1)
            # In place: a copy of all scores is the largest thing in the memory of a step.
            return scores.index_add_(-1, self.new_ids, new)

        def ids_in_order(self) -> Any:
            """Return the id of each new row."""
            return self.new_ids

    return NewRowsLookup, NewRowsScores
