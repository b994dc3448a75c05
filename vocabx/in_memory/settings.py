"""The settings of a loaded model, brought to another vocabulary as those of a directory are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from vocabx.base import Base
from vocabx.checkpoint.config import resized_config, resized_generation_config
from vocabx.core.plan import Plan

__all__ = ["prepare_settings"]

Step = Callable[[], None]


def prepare_settings(model: Any, base: Base, plan: Plan) -> Iterator[Step]:
    """Yield what sets the new size and the moved ids, in the configuration and for generation."""
    done: set[int] = set()
    yield from _differences(model.config, base.config, resized_config(base.config, plan), done)
    # Some modules, such as the two halves of T5, hold copies.
    for config in (getattr(module, "config", None) for module in model.modules()):
        if config is None or id(config) in done or getattr(config, "vocab_size", None) != plan.rows_before:
            continue
        settings = config.to_dict()
        yield from _differences(config, settings, resized_config(settings, plan), done)
    generation = getattr(model, "generation_config", None)
    if generation is not None:
        after = resized_generation_config(base.generation, base.config, plan) or {}
        yield from _generation(generation, base.generation or {}, after)


def _differences(config: Any, before: Mapping[str, Any], after: Mapping[str, Any], done: set[int]) -> Iterator[Step]:
    done.add(id(config))
    for name, value in after.items():
        own = getattr(config, name, None)
        if isinstance(value, dict) and hasattr(own, "to_dict"):
            yield from _differences(own, before.get(name) or {}, value, done)
        elif name not in before or value != before[name]:
            yield partial(setattr, config, name, value)


def _generation(generation: Any, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Step]:
    for name in {**before, **after}:
        if before.get(name) != after.get(name):
            yield partial(setattr, generation, name, after.get(name))
