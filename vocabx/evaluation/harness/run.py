"""Tasks of the lm-evaluation-harness: several models on the same items, with intervals and paired differences."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from vocabx.checkpoint.sources.hub_options import HubOptions
from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.core.report import Cell
from vocabx.core.say import Say, say_nothing
from vocabx.eval.harness.answers import Answers
from vocabx.eval.harness.reader import refuse_encoder
from vocabx.eval.harness.run import check_examples, open_tasks
from vocabx.eval.harness.tasks import TaskSource, require_harness
from vocabx.evaluation.context import (
    describe_device,
    describe_file,
    describe_model,
    installed,
    name_models,
    own_commit,
)
from vocabx.evaluation.harness.asking import RECORDED, HarnessSettings, ask, task_marks
from vocabx.evaluation.harness.scores import score_differences, score_models
from vocabx.evaluation.parts import NOT_KEPT, Parts
from vocabx.evaluation.result import DataFile, EvaluatedModel, Result

__all__ = ["Questions", "describe_part", "is_first_process", "is_shared", "run_harness"]

ANEW = "Several processes share the items, so that nothing is kept on the way; interrupted, all is asked anew."


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


def is_shared() -> bool:
    """Whether ``accelerate launch`` started several processes, of which each asks a share of the items."""
    return os.environ.get("WORLD_SIZE", "1") != "1"


def describe_part(path: Path) -> DataFile:
    """Describe a file by its name and its folder's, for files of several tasks are called the same."""
    return replace(describe_file(path), name=f"{path.resolve().parent.name}/{path.name}")


def run_harness(
    questions: Questions,
    models: Sequence[str | Path],
    settings: HarnessSettings,
    *,
    hub: HubOptions = HubOptions(),  # noqa: B008  frozen
    parts: Parts = NOT_KEPT,
    say: Say = say_nothing,
) -> Result | None:
    """Ask models the same items.

    Answers are kept in `parts` for each model and task, unless several processes share the items: what one of them
    skips the others would wait for.

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
    if is_shared() and parts.are_kept:
        say(ANEW)
        parts = NOT_KEPT
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
        check_examples(tasks, settings.few_shot)
        marks = task_marks(tasks, settings, parts)
        for name, directory in zip(names, directories, strict=True):
            model = describe_model(name, directory) if is_first_process() else EvaluatedModel(name, "")
            asked = ask(model, directory, tasks, marks, settings, questions.shared, parts, say)
            if asked is None or not is_first_process():
                continue
            found[name] = asked.answers
            described.append(replace(model, seconds=asked.seconds))
            notes += _notes(name, asked.answers, asked.starts_after_newline)
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
