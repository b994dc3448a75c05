"""Rows of data files: tab-separated with a header, JSON lines, or one JSON list; each with where it is from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vocabx.core.errors import InputError
from vocabx.core.text_files import read_text

__all__ = ["Row", "first_present", "read_rows"]


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one row by column, and the place that a message names."""

    place: str
    cells: Mapping[str, Any]

    def text(self, *names: str) -> str:
        """Return the first of these columns that there is, as it is written, spaces and all.

        Raises
        ------
        InputError
            When it is empty or not a text.
        """
        name = first_present(self.cells, names)
        if name is None:
            raise InputError(f"{self.place} has no column {' or '.join(names)}; it has {', '.join(self.cells)}.")
        value = self.cells[name]
        if not isinstance(value, str) or not value.strip():
            raise InputError(f"{self.place} has no text in its column {name}.")
        return value

    def label(self, labels: Mapping[str, int], *names: str) -> int:
        """Return what a label stands for, in any case and with spaces around it.

        Raises
        ------
        InputError
            When it is none of `labels`, whose keys are in lower case.
        """
        name = first_present(self.cells, names)
        if name is None:
            raise InputError(f"{self.place} has no column {' or '.join(names)}; it has {', '.join(self.cells)}.")
        spelt = str(self.cells[name]).strip()
        if spelt.lower() not in labels:
            raise InputError(f"{self.place} has the label {spelt!r} in its column {name}, not one of {_list(labels)}.")
        return labels[spelt.lower()]


def first_present(cells: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """Return the first of some column names that there is."""
    return next((name for name in names if name in cells), None)


def read_rows(path: Path) -> Iterator[Row]:
    """Read a file by its ending: ``.tsv`` or ``.txt``, ``.jsonl``, ``.json``.

    Quotation marks in tab-separated files are text, and a byte order mark is not. Of ``.json`` both a list and a record
    a line are read.

    Raises
    ------
    InputError
        When the file cannot be read or a row has another number of cells than the header.
    """
    text = read_text(path)
    if path.suffix not in (".json", ".jsonl"):
        yield from _tab_separated(path, text)
    elif text.lstrip().startswith("["):
        yield from _records(path, enumerate(_parse(path, 1, text), 1), "record")
    else:
        lines = ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())
        yield from _records(path, ((number, _parse(path, number, line)) for number, line in lines), "line")


def _tab_separated(path: Path, text: str) -> Iterator[Row]:
    # Not splitlines(): Unicode has line separators that stand inside sentences.
    header, *lines = text.split("\n")
    columns = header.split("\t")
    for number, line in enumerate(lines, 2):
        if not line:
            continue
        cells = line.split("\t")
        if len(cells) != len(columns):
            raise InputError(f"{path} has {len(cells)} cells in line {number}, but {len(columns)} columns.")
        yield Row(f"{path}, line {number},", dict(zip(columns, cells, strict=True)))


def _records(path: Path, records: Iterator[tuple[int, Any]], kind: str) -> Iterator[Row]:
    for number, record in records:
        if not isinstance(record, dict):
            raise InputError(f"{path}, {kind} {number}, is not a JSON object.")
        yield Row(f"{path}, {kind} {number},", record)


def _parse(path: Path, number: int, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(f"{path}, line {number}, is not JSON.") from error


def _list(labels: Mapping[str, int]) -> str:
    return ", ".join(labels)
