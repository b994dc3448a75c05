"""Report: titled tables and lines that print as text and travel as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len

__all__ = ["Report", "Table", "format_number"]

Cell = str | int | float | bool | None


def format_number(value: Cell) -> str:
    """Spell a cell for people.

    >>> [format_number(cell) for cell in (16000, 0.1997, None, True, "ko")]
    ['16,000', '0.1997', '-', 'yes', 'ko']
    """
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.4f}" if abs(value) < 100 else f"{value:,.1f}"
    return value


def _space(cell: str, width: int) -> str:
    # A Hangul syllable or an ideograph takes two columns of a terminal, so `len` will not do.
    return " " * (width - cell_len(cell))


@dataclass(frozen=True)
class Table:
    """A titled table; every row has one cell per column."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def to_text(self) -> str:
        """Align the columns: the first to the left, numbers to the right."""
        cells = [list(self.columns), *([format_number(cell) for cell in row] for row in self.rows)]
        widths = [max(cell_len(row[column]) for row in cells) for column in range(len(self.columns))]
        is_text = [all(isinstance(row[column], str) for row in self.rows) for column in range(len(self.columns))]
        lines = [
            "  ".join(
                cell + _space(cell, width) if text else _space(cell, width) + cell
                for cell, width, text in zip(row, widths, is_text, strict=True)
            ).rstrip()
            for row in cells
        ]
        return "\n".join([*([self.title] if self.title else []), lines[0], "-" * cell_len(lines[0]), *lines[1:]])

    def to_markdown(self) -> str:
        """Write the table for a README."""
        rows = [self.columns, *([format_number(cell) for cell in row] for row in self.rows)]
        lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
        return "\n".join([lines[0], "|" + " --- |" * len(self.columns), *lines[1:]])

    def to_json(self) -> list[dict[str, Cell]]:
        """One object per row."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class Report:
    """What a command has to say: a headline, facts, tables, and sentences that a reader of these must know."""

    headline: str
    facts: Mapping[str, Cell] = field(default_factory=dict)
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()

    def to_text(self) -> str:
        """Spell the report for a terminal."""
        width = max(map(len, self.facts), default=0)
        facts = "\n".join(f"{name.ljust(width)}  {format_number(value)}" for name, value in self.facts.items())
        tables = (table.to_text() for table in self.tables)
        return "\n\n".join(part for part in (self.headline, facts, *tables, "\n".join(self.notes)) if part)

    def to_json(self) -> str:
        """Spell the report as data."""
        tables = {table.title: table.to_json() for table in self.tables}
        notes = {"notes": list(self.notes)} if self.notes else {}
        return json.dumps({"headline": self.headline, **self.facts, **tables, **notes}, ensure_ascii=False, indent=2)
