"""Makes a model ready for a stage, and whole again after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vocabx.core.arrays import Ints
from vocabx.core.errors import InputError
from vocabx.training.recipes.groups import Chosen, choose
from vocabx.training.recipes.recipe import Recipe, Stage
from vocabx.training.stage.adapters import add_adapters, merge_adapters
from vocabx.training.stage.new_rows import join_rows, separate_head_rows, separate_input_rows
from vocabx.training.stage.next_but_one import second_head

__all__ = ["Prepared", "merge_stages", "prepare_stage"]

COMPARED = 8
"""Old tokens, and new ones, on which a prepared model is compared with what it was."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a stage trains.

    Attributes
    ----------
    model : PreTrainedModel
        The model that was given, in its own class. Its checkpoints hold all its weights by name, adapters and new rows
        besides.
    trainable : mapping of str to int
        How many numbers of each parameter are trained, by its name at this time.
    """

    model: Any
    trainable: Mapping[str, int]

    def finish(self) -> Any:
        """Put rows and adapters where they belong, freeze all, and return the model as it was loaded.

        What was not trained is the same to the bit.
        """
        for module in (self.model.get_input_embeddings(), self.model.get_output_embeddings()):
            join_rows(module)
        merge_adapters(self.model)
        self.model.requires_grad_(False)
        return self.model


def prepare_stage(model: Any, stage: Stage, new_ids: Ints, seed: int = 0) -> Prepared:
    """Freeze all of a model but what a stage trains, in place.

    Parameters
    ----------
    model : PreTrainedModel
        A causal or masked language model, whole. A second head that it has is trained in every stage.
    stage : Stage
        What to train.
    new_ids : ndarray of int64, shape (N,)
        Ids of the new tokens, each once, in any order; unused by stages that do not train new rows apart.
    seed : int
        Of the adapters.

    Returns
    -------
    Prepared
        Right after this, the model computes what it did before.

    Raises
    ------
    InputError
        When the model lacks what the stage trains, there are no new tokens, or the model uses its matrices otherwise
        than by embedding and head, so that new rows cannot be trained apart.
    """
    import torch

    chosen = choose(model, stage.trains)
    parameters = dict(model.named_parameters())
    trained = [parameters[name] for name in sorted(chosen.whole)]
    model.requires_grad_(False)
    if chosen.entries:
        trained += _separate(model, chosen, _checked(model, stage, new_ids))
    second = second_head(model)
    if second is not None:
        trained += second.parameters()
    if stage.adapters is not None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            trained += add_adapters(model, stage.adapters, besides=() if second is None else (second,))
    for parameter in trained:
        parameter.requires_grad_(True)
    named = {name: each.numel() for name, each in model.named_parameters() if each.requires_grad}
    return Prepared(model, named)


def merge_stages(recipe: Recipe, model: Any) -> tuple[Stage, ...]:
    """Return the stages for a model: neighbours that train the same parameters in the same way become one.

    Where input and head share their matrix, this is so of stages that differ in one or the other. Their shares are
    added.

    Raises
    ------
    InputError
        When the model lacks what a stage trains.
    """
    merged: list[tuple[Chosen, Stage]] = []
    for stage in recipe.stages:
        chosen = choose(model, stage.trains)
        if merged and merged[-1][0] == chosen and not chosen.adapters and _way(merged[-1][1]) == _way(stage):
            before = merged.pop()[1]
            stage = replace(
                before,
                name=f"{before.name} + {stage.name}",
                trains=tuple(dict.fromkeys((*before.trains, *stage.trains))),
                share=min(1.0, before.share + stage.share),  # the sum of all may be more by rounding
            )
        merged.append((chosen, stage))
    return tuple(stage for _, stage in merged)


def _way(stage: Stage) -> Stage:
    """Return a stage without what may differ where two become one."""
    return replace(stage, name="", trains=("everything",), share=1.0)


def _checked(model: Any, stage: Stage, ids: Ints) -> Ints:
    rows = len(model.get_input_embeddings().weight)
    if not len(ids):
        raise InputError(
            f"Stage {stage.name!r} trains the rows of new tokens, and this model has none; choose another recipe, or "
            "a model that was extended."
        )
    if ids.min() < 0 or ids.max() >= rows:
        raise InputError(
            f"A new token has the id {ids.max()}, and the embedding {rows} rows; they do not belong together."
        )
    return ids


def _separate(model: Any, chosen: Chosen, ids: Ints) -> list[Any]:
    """Take the entries of new tokens out of their parameters, and return them."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    before = _scores(model, ids)
    is_tied = head is not None and head.weight is embedding.weight
    of_input = names[id(embedding.weight)] in chosen.entries
    of_head = head is not None and names[id(head.weight)] in chosen.entries
    of_bias = getattr(head, "bias", None) is not None and names[id(head.bias)] in chosen.entries
    if of_input:
        separate_input_rows(embedding, ids)
    if of_head or of_bias:
        tied_to = embedding if of_input and is_tied else None
        separate_head_rows(head, ids, tied_to, rows=of_head and not is_tied, bias=of_bias)
    if not _are_close(before, _scores(model, ids)):
        for module in (embedding, head):
            join_rows(module)
        raise InputError(
            f"This {type(model).__name__} uses its embedding otherwise than by looking rows up and scoring them, so "
            "that new rows cannot be trained apart; choose a recipe that trains all rows."
        )
    parts = (getattr(module, name, None) for module in (embedding, head) for name in ("new_rows", "new_bias"))
    return [part for part in parts if part is not None]


def _scores(model: Any, ids: Ints) -> Any:
    """Return the scores of all tokens behind a few, old and new."""
    import torch

    rows = len(model.get_input_embeddings().weight)
    old = np.setdiff1d(np.arange(min(rows, len(ids) + COMPARED)), ids)
    shown = [*old[:COMPARED].tolist(), *ids[:COMPARED].tolist()]
    was_training = model.training
    model.eval()
    with torch.no_grad():
        scores = model(input_ids=torch.tensor([shown], device=model.device)).logits
    model.train(was_training)
    return scores


def _are_close(first: Any, second: Any) -> bool:
    import torch

    return bool(torch.allclose(first, second, rtol=1e-3, atol=1e-3 * float(first.abs().max())))
