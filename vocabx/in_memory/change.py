"""A change that is prepared whole and then made at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vocabx.base import Base
from vocabx.core.plan import NEW, Plan
from vocabx.in_memory.optimizer import prepare_optimizer
from vocabx.in_memory.settings import prepare_settings
from vocabx.in_memory.tensors import VocabularyTensors, resized_tensor
from vocabx.in_memory.vocabulary_mark import MARK, vocabulary_mark
from vocabx.output import Decision

if TYPE_CHECKING:
    import torch

__all__ = ["Change", "prepare_change"]

Step = Callable[[], None]
"""Sets something that was made before, and cannot fail."""


@dataclass(frozen=True)
class Change:
    """Everything that is set when a model changes."""

    steps: Sequence[Step] = field(repr=False)

    def apply(self) -> None:
        """Change the model."""
        for step in self.steps:
            step()


def prepare_change(
    model: Any, tensors: VocabularyTensors, base: Base, decision: Decision, optimizer: torch.optim.Optimizer | None
) -> Change:
    """Make all that the changed model consists of; the model, and the optimizer if there is one, stay as they are."""
    plan = decision.plan
    rules = list(tensors.with_rules(decision.initialization))
    resized = {id(old): _like(old, resized_tensor(old, plan, rule, decision.padding)) for old, rule in rules}
    pairs = [(old, resized[id(old)]) for old, _ in rules]
    steps = [
        *prepare_settings(model, base, plan),
        *(() if optimizer is None else prepare_optimizer(optimizer, pairs, plan)),
        *_placements(model, resized),
        *_sizes(model, resized, plan),
        _setting(vars(model), MARK, vocabulary_mark(decision.segmenter.tokens)),
    ]
    return Change(steps)


def _like(old: torch.Tensor, resized: torch.Tensor) -> torch.Tensor:
    """Make a parameter of a parameter, with the marks that it bears; a buffer stays a plain tensor."""
    import torch

    if not isinstance(old, torch.nn.Parameter):
        return resized
    made = torch.nn.Parameter(resized, requires_grad=old.requires_grad)
    vars(made).update(vars(old))
    return made


def _placements(model: Any, resized: Mapping[int, torch.Tensor]) -> Iterator[Step]:
    """Put each tensor wherever the old one is, so that what was tied stays tied."""
    for module in model.modules():
        for held in (module._parameters, module._buffers):
            for name, tensor in held.items():
                if id(tensor) in resized:
                    yield _setting(held, name, resized[id(tensor)])


def _setting(held: dict[str, Any], name: str, value: object) -> Step:
    return lambda: held.update({name: value})


def _sizes(model: Any, resized: Mapping[int, torch.Tensor], plan: Plan) -> Iterator[Step]:
    """Bring what modules say of their sizes up to date."""
    for module in model.modules():
        holds_rows = any(id(tensor) in resized for tensor in module._parameters.values())
        names = ("num_embeddings", "out_features", "nf", "vocab_size") if holds_rows else ("vocab_size",)
        for name in names:
            if vars(module).get(name) == plan.rows_before:
                yield _setting(vars(module), name, plan.rows_after)
        place = vars(module).get("padding_idx")
        if type(place) is int and (holds_rows or hasattr(module, "config")) and not plan.keeps_ids:
            image = int(plan.images[place]) if 0 <= place < plan.tokens_before else NEW
            yield _setting(vars(module), "padding_idx", None if image == NEW else image)
