"""One side of line-aligned text: lines of a file, or a column of a table."""

from __future__ import annotations

from pathlib import Path

from vocabx.core.errors import InputError

__all__ = ["read_side"]


def read_side(file: Path, column: str = "") -> list[str]:
    """Read one sentence a line, blank ones too, so that lines stay aligned; of a ``.tsv`` file read a named column.

    Raises
    ------
    InputError
        When the file cannot be read as text, lacks the column, or has a row of another length than its head.
    """
    try:
        text = file.read_text("utf-8-sig")
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not text in UTF-8: {error}.") from error
    lines = text.removesuffix("\n").split("\n")
    if file.suffix != ".tsv":
        if column:
            raise InputError(f"{file} has no columns to choose from; only a .tsv file has.")
        return [line.strip() for line in lines]
    head, *rows = (line.rstrip("\r").split("\t") for line in lines)
    if column not in head:
        raise InputError(f"{file} has the columns {', '.join(head)}; choose one of them with --column.")
    for number, row in enumerate(rows, 2):
        if len(row) != len(head):
            raise InputError(f"{file}, line {number}: {len(row)} columns instead of {len(head)}.")
    return [row[head.index(column)].strip() for row in rows]
