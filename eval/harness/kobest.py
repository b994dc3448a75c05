"""KoBEST: its five tasks, in the harness and in the files that its makers publish."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vocabx.core.errors import InputError, UnknownNameError
from vocabx.eval.harness.rows import Row, read_rows
from vocabx.eval.harness.splits import DEVELOPMENT, TEST, TRAINING
from vocabx.eval.harness.tasks import Record, TaskSource

__all__ = ["FOLDERS", "KOBEST", "check_task", "kobest_file", "kobest_task", "read_kobest"]

KOBEST = ("boolq", "copa", "hellaswag", "sentineg", "wic")
"""Names of the tasks, in the order of the harness."""
FOLDERS = {"boolq": "BoolQ", "copa": "COPA", "hellaswag": "HellaSwag", "sentineg": "SentiNeg", "wic": "WiC"}
"""Folders of the published files, which hold ``train.tsv``, ``dev.tsv`` and ``test.tsv``."""

HUB = "hf://datasets/skt/kobest_v1@refs/convert/parquet/{task}/{split}/*.parquet"
"""The hub's own copy in Parquet, because `datasets` no longer runs the scripts by which older datasets load."""

TRUTH = {"false": 0, "true": 1, "0": 0, "1": 1}
POLARITY = {"0": 0, "1": 1}
FIRST_OR_SECOND = {"1": 0, "2": 1}
ENDINGS = {str(number): number for number in range(4)}


def _boolq(row: Row) -> dict[str, Any]:
    answer = row.label(TRUTH, "Answer")
    return {"paragraph": row.text("Text"), "question": row.text("Question"), "label": answer}


def _copa(row: Row) -> dict[str, Any]:
    question = row.text("question")
    if question.strip() not in ("원인", "결과"):
        raise InputError(f"{row.place} asks {question!r} in its column question, not 원인 or 결과.")
    return {
        "premise": row.text("sentence"),
        "question": question,
        "alternative_1": row.text("1"),
        "alternative_2": row.text("2"),
        "label": row.label(FIRST_OR_SECOND, "Answer"),
    }


def _hellaswag(row: Row) -> dict[str, Any]:
    endings = {f"ending_{number}": row.text(f"choice{number}") for number in range(1, 5)}
    return {"context": row.text("context"), **endings, "label": row.label(ENDINGS, "label")}


def _sentineg(row: Row) -> dict[str, Any]:
    return {"sentence": row.text("Text"), "label": row.label(POLARITY, "Label")}


def _wic(row: Row) -> dict[str, Any]:
    return {
        "word": row.text("Target"),
        "context_1": row.text("SENTENCE1"),
        "context_2": row.text("SENTENCE2"),
        "label": row.label(TRUTH, "ANSWER"),
    }


READERS: Mapping[str, Callable[[Row], dict[str, Any]]] = {
    "boolq": _boolq,
    "copa": _copa,
    "hellaswag": _hellaswag,
    "sentineg": _sentineg,
    "wic": _wic,
}


def kobest_file(data: Path, task: str, split: str) -> Path:
    """Return the place of a published file; folders may be spelt in any case.

    Raises
    ------
    InputError
        When it is not there; the sentence says what is.
    """
    if not data.is_dir():
        raise InputError(f"{data} is not a folder; KoBEST's holds {', '.join(FOLDERS.values())}.")
    folders = [path for path in sorted(data.iterdir()) if path.is_dir() and path.name.lower() == task]
    if not folders:
        raise InputError(f"{data} has no folder {FOLDERS[task]}; KoBEST's holds {', '.join(FOLDERS.values())}.")
    path = folders[0] / f"{split}.tsv"
    if not path.is_file():
        there = ", ".join(sorted(found.name for found in folders[0].glob("*.tsv"))) or "no .tsv file"
        raise InputError(f"{folders[0]} has no {path.name} but {there}; choose with --split.")
    return path


def read_kobest(path: Path, task: str) -> list[Record]:
    """Read a published file as the columns of ``skt/kobest_v1``.

    Texts are kept as they are written. Truth values come in any case, COPA counts its alternatives from 1, and
    SentiNeg's test file holds the sentences before the negation beside those that are asked about.

    Raises
    ------
    InputError
        When a column is missing, a text empty or a label unknown.
    """
    return [READERS[task](row) for row in read_rows(path)]


def check_task(task: str) -> None:
    """Raise `UnknownNameError` where there is no such task."""
    if task not in KOBEST:
        raise UnknownNameError("task of KoBEST", task, KOBEST)


def kobest_task(
    task: str, data: Path | None, split: str, *, examples: bool = False
) -> tuple[TaskSource, Sequence[Path]]:
    """Return a task with its data, from the hub where `data` is None, and the files that were read.

    Parameters
    ----------
    task : str
        One of `KOBEST`.
    data : Path or None
        The folder of the published files.
    split : {"dev", "test"}
        What is asked.
    examples : bool
        Whether worked examples are needed, which are drawn from the training split.
    """
    check_task(task)
    parts = [split, *([TRAINING] if examples else [])]
    if data is None:
        names = {TRAINING: "train", DEVELOPMENT: "validation", TEST: "test"}
        files = {part: HUB.format(task=task, split=names[part]) for part in parts}
        return TaskSource(f"kobest_{task}", "kobest", split, parquet=files), ()
    paths = {part: kobest_file(data, task, part) for part in parts}
    records = {part: read_kobest(path, task) for part, path in paths.items()}
    return TaskSource(f"kobest_{task}", "kobest", split, records=records), tuple(paths.values())
