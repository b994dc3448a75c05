"""XNLI and its like: pairs of sentences in many languages, of which one may follow from the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vocabx.core.errors import InputError, UnknownNameError
from vocabx.eval.harness.rows import Row, read_rows
from vocabx.eval.harness.splits import TEST, TRAINING
from vocabx.eval.harness.tasks import Record, TaskSource

__all__ = [
    "HYPOTHESIS",
    "KOREAN",
    "LABEL",
    "LABELS",
    "LANGUAGE",
    "LANGUAGES",
    "PREMISE",
    "find_nli_file",
    "nli_task",
    "read_nli",
]

LANGUAGES = ("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")
"""Languages that the harness asks in."""
KOREAN = "ko"
"""Ours: the harness asks nothing in Korean."""
LABELS = {"entailment": 0, "neutral": 1, "contradiction": 2, "contradictory": 2, "0": 0, "1": 1, "2": 2}
"""The machine-translated training files spell one label in another way."""

PREMISE = ("premise", "sentence1")
HYPOTHESIS = ("hypothesis", "sentence2", "hypo")
LABEL = ("label", "gold_label")
LANGUAGE = "language"
"""Columns, by the names that different makers of such data give them."""

WORDS = ("예", "또한", "아니요")
"""Yes, Also, No: what stands between the sentences for each label."""
KOREAN_CHOICES = ",".join(f'premise+", 맞지? {word}, "+hypothesis' for word in WORDS)
ENDINGS = (".tsv", ".jsonl", ".json")


def read_nli(path: Path, language: str) -> list[Record]:
    """Read pairs as the columns of ``facebook/xnli``.

    The layouts of XNLI, KorNLI and KLUE-NLI are known by their columns, and spaces and quotation marks are kept. Of a
    file of several languages only rows of this one are read.

    Raises
    ------
    InputError
        When a column is missing, a text empty or a label unknown.
    """
    return [_record(row) for row in read_rows(path) if row.cells.get(LANGUAGE, language) == language]


def _record(row: Row) -> Record:
    label = row.label(LABELS, *LABEL)
    return {"premise": row.text(*PREMISE), "hypothesis": row.text(*HYPOTHESIS), "label": label}


def find_nli_file(data: Path, language: str, split: str) -> Path:
    """Return the file of a language and part of the data, by the names that the makers of such data give.

    These are ``xnli.dev.ko.tsv``, ``multinli.train.ko.tsv``, ``ko.dev.jsonl``, a file of all languages such as
    ``xnli.dev.tsv``, and for Korean ``klue-nli-v1.1_dev.json``.

    Raises
    ------
    InputError
        When there is none; the sentence says which names were looked for.
    """
    if data.is_file():
        return data
    if not data.is_dir():
        raise InputError(f"{data} is neither a file nor a folder.")
    stems = [f"xnli.{split}.{language}", f"multinli.{split}.{language}", f"{language}.{split}", f"xnli.{split}"]
    klue = [f"klue-nli*_{split}"] if language == KOREAN else []
    for pattern in (f"{stem}{ending}" for stem in [*stems, *klue] for ending in ENDINGS):
        if found := sorted(data.glob(pattern)):
            return found[0]
    usual = stems[1] if split == TRAINING else stems[0]
    raise InputError(
        f"{data} has no {split} part for {language}: a file called {usual}.tsv, {stems[2]}.jsonl or {stems[3]}.tsv."
    )


def nli_task(
    language: str, data: Path | None, split: str, *, examples: bool = False
) -> tuple[TaskSource, Sequence[Path]]:
    """Return the task of a language with its data, from the hub where `data` is None, and the files that were read.

    Parameters
    ----------
    language : str
        One of `LANGUAGES`, or `KOREAN`, which has no data on the hub that the harness knows.
    data : Path or None
        A folder of files, or one file.
    split : {"dev", "test"}
        What is asked; the harness itself asks dev.
    examples : bool
        Whether worked examples are needed, which are drawn from the training split.
    """
    if language not in (*LANGUAGES, KOREAN):
        raise UnknownNameError("language of XNLI", language, (*LANGUAGES, KOREAN))
    name, changes, based_on = f"xnli_{language}", dict[str, object](), None
    if language == KOREAN:
        changes, based_on = {"doc_to_choice": f"{{{{[{KOREAN_CHOICES}]}}}}"}, "xnli_en"
    if data is None:
        if language == KOREAN:
            raise InputError("XNLI on the hub has no Korean; name KorNLI's or KLUE-NLI's files with --data.")
        if split == TEST:
            changes = {"test_split": "test"}
        return TaskSource(name, "xnli", split, changes=changes), ()
    paths = {part: find_nli_file(data, language, part) for part in (split, *([TRAINING] if examples else ()))}
    records = {part: read_nli(path, language) for part, path in paths.items()}
    _check_distinct(paths)
    source = TaskSource(name, "xnli", split, records=records, based_on=based_on, changes=changes)
    return source, tuple(paths.values())


def _check_distinct(paths: Mapping[str, Path]) -> None:
    if len(set(paths.values())) < len(paths):
        raise InputError("Worked examples need a training file beside the one that is asked; name their folder.")
