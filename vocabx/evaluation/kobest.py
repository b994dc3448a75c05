"""KoBEST: five Korean tasks that a model answers by which of some texts it finds likeliest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vocabx.checkpoint.sources.hub_options import HubOptions
from vocabx.core.say import Say, say_nothing
from vocabx.eval.harness.kobest import KOBEST, check_task, kobest_task
from vocabx.evaluation.harness.asking import HarnessSettings
from vocabx.evaluation.harness.run import Questions, describe_part, run_harness
from vocabx.evaluation.parts import NOT_KEPT, Parts
from vocabx.evaluation.result import Result

__all__ = ["evaluate_kobest"]


def evaluate_kobest(
    models: Sequence[str | Path],
    *,
    data: Path | None = None,
    split: str = "test",
    tasks: Sequence[str] = KOBEST,
    settings: HarnessSettings = HarnessSettings(),  # noqa: B008  frozen
    hub: HubOptions = HubOptions(),  # noqa: B008  frozen
    parts: Parts = NOT_KEPT,
    say: Say = say_nothing,
) -> Result | None:
    """Measure models on KoBEST.

    Parameters
    ----------
    models : sequence of str or Path
        Directories or hub ids; the first is what others are compared with.
    data : Path, optional
        The folder of the published files; by default ``skt/kobest_v1`` of the hub.
    split : {"test", "dev"}
        What is asked.
    tasks : sequence of str
        Some of boolq, copa, hellaswag, sentineg and wic.
    settings, hub, parts, say
        How models are asked, how hub ids are looked up, where answers are kept until the result is written, and whom to
        tell.

    Returns
    -------
    Result or None
        acc, acc_norm where the harness has it, acc_bytes and macro-F1 of each task, and their averages; None in all
        processes of ``accelerate launch`` but the first.

    Raises
    ------
    InputError
        When a file, a task or a model is not what is needed.
    MissingExtraError
        When the harness is not installed.
    """
    chosen = list(dict.fromkeys(tasks)) or list(KOBEST)
    for task in chosen:
        check_task(task)  # all of them, before any file is read
    read = [kobest_task(task, data, split, examples=settings.few_shot > 0) for task in chosen]
    questions = Questions(
        "kobest",
        [source for source, _ in read],
        [describe_part(path) for _, paths in read for path in paths],
        {"split": split, "tasks": ", ".join(chosen), **({} if data else {"dataset": "skt/kobest_v1 (Parquet)"})},
    )
    return run_harness(questions, models, settings, hub=hub, parts=parts, say=say)
