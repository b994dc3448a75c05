"""Run: a model on tasks of the harness, and what it made of each item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vocabx.core.errors import InputError
from vocabx.eval.cost import Progress
from vocabx.eval.harness.answers import Answers
from vocabx.eval.harness.quiet import quiet
from vocabx.eval.harness.reader import Reader
from vocabx.eval.harness.tasks import TaskSource, write_tasks

__all__ = ["answer_tasks", "asked_texts", "check_examples", "open_tasks"]

HarnessTask = Any


def open_tasks(sources: Sequence[TaskSource], folder: Path) -> Mapping[str, HarnessTask]:
    """Write tasks into an empty folder and have the harness load them, with their data.

    Returns
    -------
    mapping of str to task
        The harness's own objects, by name.

    Raises
    ------
    InputError
        When data cannot be loaded, which of the hub means that it is not reached.
    MissingExtraError
        When the harness is not installed.
    """
    write_tasks(sources, folder)
    from lm_eval.tasks import TaskManager

    tasks: dict[str, HarnessTask] = {}
    with quiet():
        manager = TaskManager(include_path=str(folder), include_defaults=False)
        for source in sources:
            try:
                tasks |= manager.load([source.name])["tasks"]
            except (OSError, ValueError, RuntimeError, LookupError) as error:
                reason = str(error).partition("\n")[0].rstrip(". ")
                raise InputError(
                    f"The data of {source.name} cannot be loaded: {reason}. Without a network, name them with --data."
                ) from error
    return tasks


def answer_tasks(
    reader: Reader,
    tasks: Mapping[str, HarnessTask],
    *,
    few_shot: int = 0,
    limit: int | None = None,
    seed: int = 0,
    shared: str | None = None,
    progress: Progress | None = None,
) -> Mapping[str, Answers] | None:
    """Have a model answer tasks.

    Parameters
    ----------
    reader : Reader
        The model.
    tasks : mapping of str to task
        What `open_tasks` gave. Several models may be given the same ones.
    few_shot : int
        Worked examples before each item, drawn from the training part with `seed`; every model gets the same.
    limit : int, optional
        Only so many items of each task, the first ones.
    shared : str, optional
        The column of the data in which items are alike that are not independent, such as ``premise``.
    progress : callable, optional
        Told how many texts of all are read.

    Returns
    -------
    mapping of str to Answers or None
        By task; None in all processes of ``accelerate launch`` but the first.
    """
    from lm_eval import evaluate

    check_examples(tasks, few_shot)
    for task in tasks.values():
        _set_examples(task, few_shot, seed)
    sizes = [min(limit or len(task.eval_docs), len(task.eval_docs)) for task in tasks.values()]
    texts = [
        size * len(task.doc_to_choice(task.eval_docs[0])) for size, task in zip(sizes, tasks.values(), strict=True)
    ]
    reader.watch(sum(texts), progress)
    with quiet():
        found = evaluate(lm=reader.model, task_dict={"tasks": dict(tasks), "groups": {}}, limit=limit)
    too_long = reader.model.gather_object(reader.too_long)
    if found is None:
        return None
    cut = set().union(*too_long)
    return {
        name: _answers(task, found["results"][name], found["samples"][name], cut, shared)
        for name, task in tasks.items()
    }


def asked_texts(task: HarnessTask, *, few_shot: int = 0, limit: int | None = None, seed: int = 0) -> list[list[Any]]:
    """Return all that answers to a task depend on besides the model: of each choice the item, context and text.

    Parameters are those of `answer_tasks`, which asks the same afterwards.
    """
    _set_examples(task, few_shot, seed)
    with quiet():
        task.build_all_requests(limit=limit, rank=0, world_size=1)
    return [[request.doc, *request.args] for request in task.instances]


def check_examples(tasks: Mapping[str, HarnessTask], few_shot: int) -> None:
    """Stop where a task has fewer worked examples than are asked for.

    Raises
    ------
    InputError
        When one has fewer, or no training part.
    """
    for name, task in tasks.items() if few_shot else ():
        if not task.has_training_docs():
            raise InputError(f"{name} has no training part to draw worked examples from.")
        if few_shot > len(task.training_docs()):
            raise InputError(f"{name} has {len(task.training_docs())} worked examples, fewer than {few_shot}.")


def _set_examples(task: HarnessTask, few_shot: int, seed: int) -> None:
    task.set_config(key="num_fewshot", value=few_shot)
    task.set_fewshot_seed(seed=seed)


def _answers(
    task: HarnessTask, said: Mapping[str, Any], samples: Sequence[Any], cut: set[Any], shared: str | None
) -> Answers:
    # Processes take turns with the items, so what they send back is not in order.
    samples = sorted(samples, key=lambda sample: int(sample["doc_id"]))
    choices = [task.doc_to_choice(sample["doc"]) for sample in samples]
    numbers = {key.removesuffix(",none"): value for key, value in said.items() if isinstance(value, float)}
    ending = "_stderr"
    return Answers(
        task.task_name,
        np.array([_gold(sample["target"], texts) for sample, texts in zip(samples, choices, strict=True)]),
        np.array([[answer[0] for answer in sample["filtered_resps"]] for sample in samples], np.float64),
        np.array([[len(text) for text in texts] for texts in choices]),
        np.array([[len(text.encode()) for text in texts] for texts in choices]),
        sum(any(tuple(arguments) in cut for arguments in sample["arguments"]) for sample in samples),
        {name: float(value) for name, value in numbers.items() if not name.endswith(ending)},
        {name.removesuffix(ending): float(value) for name, value in numbers.items() if name.endswith(ending)},
        [sample["doc"][shared] for sample in samples] if shared else (),
    )


def _gold(target: int | str, choices: Sequence[str]) -> int:
    return choices.index(target) if isinstance(target, str) else int(target)
