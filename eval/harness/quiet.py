"""Quiet: the harness without its log, its bars, and what it would fetch for metrics that are not used."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

__all__ = ["quiet"]


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the harness silent within a block."""
    import datasets
    import lm_eval.api.task as harness

    with ExitStack() as stack:
        for name in ("lm_eval", "accelerate"):
            stack.enter_context(_silent(name))
        stack.enter_context(_replaced(harness, "tqdm", partial(harness.tqdm, disable=True)))
        stack.enter_context(_replaced(harness, "get_metric", partial(_metric, harness.get_metric)))
        if datasets.is_progress_bar_enabled():
            datasets.disable_progress_bars()
            stack.callback(datasets.enable_progress_bars)
        yield


@contextmanager
def _silent(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def _replaced(module: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def _metric(find: Callable[[str], Any], name: str, from_hub: bool = False) -> Any:
    # For F1 these tasks make the harness fetch and run a script of the hub that it never calls.
    return None if from_hub else find(name)
