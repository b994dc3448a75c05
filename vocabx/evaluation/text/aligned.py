"""One side of line-aligned text: lines of a file, or columns of a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vocabx.core.errors import InputError
from vocabx.core.text_files import read_lines

__all__ = ["read_side"]


def read_side(file: Path, columns: Sequence[str] = ()) -> list[str]:
    """Read one sentence a line, blank ones too, so that lines stay aligned.

    Of a ``.tsv`` file named columns are read, one after the other.

    Raises
    ------
    InputError
        When the file cannot be read as text, lacks a column, or has a row of another length than its head.
    """
    lines = read_lines(file)
    if file.suffix != ".tsv":
        if columns:
            raise InputError(f"{file} has no columns to choose from; only a .tsv file has.")
        return [line.strip() for line in lines]
    head, *rows = (line.split("\t") for line in lines or [""])
    if not columns or not set(columns).issubset(head):
        raise InputError(f"{file} has the columns {', '.join(head)}; choose one of them with --column.")
    for number, row in enumerate(rows, 2):
        if len(row) != len(head):
            raise InputError(f"{file}, line {number}: {len(row)} columns instead of {len(head)}.")
    return [row[head.index(column)].strip() for column in columns for row in rows]
