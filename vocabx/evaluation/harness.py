"""Tasks of the lm-evaluation-harness: several models on the same items, with intervals and paired differences."""

from __future__ import annotations

import gc
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vocabx.checkpoint.sources.hub_options import HubOptions
from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.core.report import Cell
from vocabx.core.say import Say, say_nothing, step
from vocabx.eval.cost import Progress
from vocabx.eval.harness.answers import Answers
from vocabx.eval.harness.reader import open_reader, refuse_encoder
from vocabx.eval.harness.run import answer_tasks, open_tasks
from vocabx.eval.harness.tasks import TaskSource, require_harness
from vocabx.evaluation.context import (
    describe_device,
    describe_file,
    describe_model,
    installed,
    name_models,
    own_commit,
)
from vocabx.evaluation.harness_scores import score_differences, score_models
from vocabx.evaluation.result import DataFile, EvaluatedModel, Result

__all__ = ["HarnessSettings", "Questions", "describe_part", "is_first_process", "run_harness"]

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

    def facts(self) -> dict[str, Cell]:
        """Return what decides the numbers."""
        return {"few_shot": self.few_shot, "limit": self.limit, "backend": self.backend, "dtype": self.dtype}


@dataclass(frozen=True)
class Questions:
    """Tasks of one kind, the files that they were read from, and what else a result says of them.

    `shared` is the column in which items are alike that are drawn together for intervals; None where each is drawn by
    itself.
    """

    kind: str
    tasks: Sequence[TaskSource]
    data: Sequence[DataFile] = ()
    facts: Mapping[str, Cell] = field(default_factory=dict)
    notes: Sequence[str] = ()
    shared: str | None = None


def is_first_process() -> bool:
    """Whether this is the one process of ``accelerate launch`` that says and writes anything."""
    return os.environ.get("RANK", "0") == "0"


def describe_part(path: Path) -> DataFile:
    """Describe a file by its name and its folder's, for files of several tasks are called the same."""
    return replace(describe_file(path), name=f"{path.resolve().parent.name}/{path.name}")


def run_harness(
    questions: Questions,
    models: Sequence[str | Path],
    settings: HarnessSettings,
    *,
    hub: HubOptions = HubOptions(),  # noqa: B008  frozen
    say: Say = say_nothing,
) -> Result | None:
    """Ask models the same items.

    Returns
    -------
    Result or None
        None in all processes of ``accelerate launch`` but the first.

    Raises
    ------
    InputError
        When data or a model are not what these tasks need.
    MissingExtraError
        When the harness is not installed.
    """
    require_harness()
    if not is_first_process():
        say = say_nothing
    names = name_models(models)
    directories = [resolve_model(model, hub=hub) for model in models]
    for directory in directories:
        refuse_encoder(directory)
    found: dict[str, Mapping[str, Answers]] = {}
    described: list[EvaluatedModel] = []
    notes = list(questions.notes)
    with tempfile.TemporaryDirectory(prefix="vocabx-tasks-") as folder:
        say("Loading the tasks")
        tasks = open_tasks(questions.tasks, Path(folder))
        for name, directory in zip(names, directories, strict=True):
            say(f"Asking {name}")
            begin = time.perf_counter()
            answers, remarks = _ask(directory, name, tasks, settings, questions.shared, _progress(say, name))
            if answers is None or not is_first_process():
                continue
            found[name] = answers
            described.append(describe_model(name, directory, time.perf_counter() - begin))
            notes += remarks
    if not found:
        return None
    return Result(
        kind=questions.kind,
        models=tuple(described),
        scores=tuple(score_models(questions.kind, found, settings.seed)),
        differences=tuple(score_differences(questions.kind, found, settings.seed)),
        data=tuple(questions.data),
        settings={**questions.facts, **settings.facts()},
        seed=settings.seed,
        versions=installed(RECORDED),
        commit=own_commit(),
        device=describe_device(settings.device),
        notes=tuple(notes),
    )


def _ask(
    directory: Path,
    name: str,
    tasks: Mapping[str, Any],
    settings: HarnessSettings,
    shared: str | None,
    progress: Progress,
) -> tuple[Mapping[str, Answers] | None, list[str]]:
    """Open a model and have it answer; it is gone again afterwards."""
    reader = open_reader(
        directory,
        backend=settings.backend,
        dtype=settings.dtype,
        device=settings.device,
        batch_size=settings.batch_size,
    )
    answers = answer_tasks(
        reader,
        tasks,
        few_shot=settings.few_shot,
        limit=settings.limit,
        seed=settings.seed,
        shared=shared,
        progress=progress,
    )
    remarks = _notes(name, answers or {}, reader.starts_after_newline)
    del reader
    gc.collect()  # the reader and the harness's object refer to each other, and the next model needs the memory
    return answers, remarks


def _progress(say: Say, name: str) -> Progress:
    return lambda done, total: say(step(f"Asking {name}", f"{done:,} of {total:,} texts"))


def _notes(name: str, answers: Mapping[str, Answers], after_newline: bool) -> list[str]:
    notes = [
        f"{one.truncated} of {len(one)} items of {task} are longer than what {name} reads at once; they lost their "
        "beginning."
        for task, one in answers.items()
        if one.truncated
    ]
    if after_newline:
        notes.append(f"{name} has neither a BOS nor an EOS token; texts without a context follow a newline.")
    return notes
