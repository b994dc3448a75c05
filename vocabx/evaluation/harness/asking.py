"""How a model is asked, task after task; what it answered in an earlier run is not asked again."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from vocabx import __version__
from vocabx.comparison.results import fingerprint
from vocabx.core.report import Cell
from vocabx.core.say import Say, step
from vocabx.eval.decoder import choose_device
from vocabx.eval.harness.answers import Answers
from vocabx.eval.harness.reader import Reader, check_backend, open_reader
from vocabx.eval.harness.run import answer_tasks, asked_texts
from vocabx.evaluation.computing import check_computing
from vocabx.evaluation.context import installed
from vocabx.evaluation.parts import Part, Parts
from vocabx.evaluation.result import EvaluatedModel

__all__ = ["RECORDED", "Asked", "HarnessSettings", "ask", "task_marks"]

RECORDED = ("lm_eval", "datasets", "accelerate", "vllm")


@dataclass(frozen=True, slots=True)
class HarnessSettings:
    """How models are asked.

    Attributes
    ----------
    few_shot : int
        Worked examples before each item.
    limit : int or None
        Only so many items of each task, the first ones.
    batch_size : int
        Texts that are read together.
    backend : {"hf", "vllm"}
        What runs the model.
    dtype : str
        What it computes in.
    device : str or None
        What it runs on; a GPU where there is one.
    seed : int
        Of the worked examples and of the draws for intervals.
    """

    few_shot: int = 0
    limit: int | None = None
    batch_size: int = 4
    backend: str = "hf"
    dtype: str = "float32"
    device: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_backend(self.backend)
        check_computing(dtype=self.dtype, device=self.device)

    def facts(self) -> dict[str, Cell]:
        """Return what decides the numbers."""
        return {"few_shot": self.few_shot, "limit": self.limit, "backend": self.backend, "dtype": self.dtype}


@dataclass(frozen=True)
class Asked:
    """What a model answered, in how many seconds, those of an earlier run included.

    `starts_after_newline` is as of `Reader`.
    """

    answers: Mapping[str, Answers]
    seconds: float
    starts_after_newline: bool


def task_marks(tasks: Mapping[str, Any], settings: HarnessSettings, parts: Parts) -> Mapping[str, str]:
    """Return of each task a fingerprint of all that decides answers besides the model; "" where nothing is kept.

    It is of the texts themselves, with the worked examples, and not of the files that they were made of. How many are
    read together is not in it: whoever lacks memory may go on with fewer.
    """
    if not parts.are_kept:
        return dict.fromkeys(tasks, "")
    place = choose_device(settings.device) if settings.backend == "hf" else settings.device
    how = ("harness", __version__, installed(RECORDED), settings.facts(), settings.seed, place)
    few_shot, limit, seed = settings.few_shot, settings.limit, settings.seed
    return {
        name: fingerprint(*how, name, asked_texts(task, few_shot=few_shot, limit=limit, seed=seed))
        for name, task in tasks.items()
    }


def ask(
    model: EvaluatedModel,
    directory: Path,
    tasks: Mapping[str, Any],
    marks: Mapping[str, str],
    settings: HarnessSettings,
    shared: str | None,
    parts: Parts,
    say: Say,
) -> Asked | None:
    """Have a model answer one task after the other; it is opened where one was not kept, and gone again afterwards.

    Each task is asked by itself, whatever was kept of others, so that a run that was cut off ends with the answers of
    one that was not, to the bit.

    Returns
    -------
    Asked or None
        None in all processes that share the items, but the first.
    """
    reader = cache(partial(_open, directory, settings))
    found: dict[str, Part] = {}
    for name, task in tasks.items():
        work = partial(_answer, reader, name, task, settings, shared, say, f"Asking {model.name}: {name}")
        found[name] = parts.recall(fingerprint(model.checksum, shared, marks[name]), work)
        if found[name].was_kept:
            say(f"{model.name} has answered {name} already")
    reader.cache_clear()
    gc.collect()  # the reader and the harness's object refer to each other, and the next model needs the memory
    if any(part.content["answers"] is None for part in found.values()):
        return None
    return Asked(
        {name: Answers.from_json(part.content["answers"]) for name, part in found.items()},
        sum(part.seconds for part in found.values()),
        any(part.content["starts_after_newline"] for part in found.values()),
    )


def _open(directory: Path, settings: HarnessSettings) -> Reader:
    return open_reader(
        directory,
        backend=settings.backend,
        dtype=settings.dtype,
        device=settings.device,
        batch_size=settings.batch_size,
    )


def _answer(
    reader: Callable[[], Reader],
    name: str,
    task: Any,
    settings: HarnessSettings,
    shared: str | None,
    say: Say,
    where: str,
) -> dict[str, Any]:
    say(where)
    answers = answer_tasks(
        reader(),
        {name: task},
        few_shot=settings.few_shot,
        limit=settings.limit,
        seed=settings.seed,
        shared=shared,
        progress=lambda done, total: say(step(where, f"{done:,} of {total:,} texts")),
    )
    own = None if answers is None else answers[name].to_json()
    return {"answers": own, "starts_after_newline": reader().starts_after_newline}
