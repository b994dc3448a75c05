"""Pairs: premises, hypotheses and their labels, out of the files that natural language inference comes in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vocabx.core.arrays import Ints
from vocabx.core.errors import InputError
from vocabx.eval.harness.nli import HYPOTHESIS, LABEL, LANGUAGE, PREMISE
from vocabx.eval.harness.nli import LABELS as LABEL_NUMBERS
from vocabx.eval.harness.rows import read_rows

__all__ = ["LABELS", "Pairs", "are_aligned", "check_aligned", "read_pairs"]

LABELS = ("entailment", "neutral", "contradiction")
UNDECIDED = {"-": -1, "-1": -1}
"""Where annotators did not agree."""


@dataclass(frozen=True)
class Pairs:
    """N premises with a hypothesis each.

    Attributes
    ----------
    premises, hypotheses : sequence of str
    labels : ndarray of int64, shape (N,)
        Places in `LABELS`.
    undecided : int
        Rows of the file without a label, which are not here.
    """

    premises: Sequence[str]
    hypotheses: Sequence[str]
    labels: Ints
    undecided: int = 0

    def __len__(self) -> int:
        return len(self.labels)

    def choose(self, rows: Ints) -> Pairs:
        """Return some of the rows."""
        premises, hypotheses = ([texts[row] for row in rows] for texts in (self.premises, self.hypotheses))
        return Pairs(premises, hypotheses, self.labels[rows])


def read_pairs(path: Path, language: str | None = None, limit: int | None = None) -> Pairs:
    """Read a file with a header (TSV), or with one object a line (JSONL) or in a list (JSON); see `read_rows`.

    Parameters
    ----------
    path : Path
        Its columns are `premise` or `sentence1`, `hypothesis`, `sentence2` or `hypo`, and `label` or `gold_label`. A
        label is a word, or 0, 1, 2 for entailment, neutral, contradiction. Other columns are not looked at.
    language : str, optional
        Which rows to read of a file with a column `language`, as XNLI's own files have it. Without, all rows must be
        of one.
    limit : int, optional
        Read so many rows at most.

    Raises
    ------
    InputError
        With the row: where a column is missing, a field is empty, or a label is unknown. Also where there is no pair,
        or there are rows of several languages and none is named.
    """
    premises, hypotheses, labels, undecided = list[str](), list[str](), list[int](), 0
    languages = set[str]()
    for row in read_rows(path):
        spoken = row.cells.get(LANGUAGE)
        languages |= set() if spoken is None else {str(spoken)}
        if language is None and len(languages) > 1:
            raise InputError(f"{path} has rows of several languages, {' and '.join(sorted(languages))}; name one.")
        if language is not None and spoken is not None and spoken != language:
            continue
        premise, hypothesis = (row.text(*names).strip() for names in (PREMISE, HYPOTHESIS))
        label = row.label({**LABEL_NUMBERS, **UNDECIDED}, *LABEL)
        if label < 0:
            undecided += 1
            continue
        premises.append(premise)
        hypotheses.append(hypothesis)
        labels.append(label)
        if len(labels) == limit:
            break
    if not labels:
        spoken_of = f" in the language {language!r}; it has {', '.join(sorted(languages))}" if languages else ""
        raise InputError(f"{path} has no labelled pair{spoken_of}.")
    return Pairs(premises, hypotheses, np.array(labels, np.int64), undecided)


def are_aligned(first: Pairs, second: Pairs) -> bool:
    """Return whether row n of both is the same pair, perhaps in another language, as far as labels tell."""
    return np.array_equal(first.labels, second.labels)


def check_aligned(files: Mapping[str, Pairs]) -> None:
    """Raise `InputError` unless row n of all files is the same pair in another language, as far as labels tell."""
    (first, pairs), *others = files.items()
    for name, other in others:
        if len(other) != len(pairs):
            raise InputError(
                f"Folds need files that are aligned by rows, but {first} has {len(pairs):,} rows and {name} has "
                f"{len(other):,}."
            )
        differing = np.flatnonzero(other.labels != pairs.labels)
        if len(differing):
            row = int(differing[0])
            words = LABELS[pairs.labels[row]], LABELS[other.labels[row]]
            raise InputError(
                f"Folds need files that are aligned by rows, but pair {row + 1} is of {words[0]} in {first} and of "
                f"{words[1]} in {name}."
            )
