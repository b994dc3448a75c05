"""The part of a card that is written again after each proof: what stands between two marks."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from vocabx.core.errors import InputError, OutputError
from vocabx.core.report import Report, Table

__all__ = ["UNPROVED", "spell_proof", "spell_region", "write_proof"]

BEGIN, END = "<!-- vocabx: proof begins -->", "<!-- vocabx: proof ends -->"
UNPROVED = (
    "Nothing was checked here yet. `vocabx card DIRECTORY --base {base}` runs the checks of `vocabx verify` and writes "
    "their results here; with `--text LABEL=FILE` also what the tokenizers make of a text."
)


def spell_region(text: str) -> str:
    """Put a text between the marks."""
    return f"{BEGIN}\n{text}\n{END}"


def spell_proof(reports: Sequence[Report]) -> str:
    """Spell the reports of a verification, of an audit, or both."""
    return "\n\n".join(part for report in reports for part in _parts(report))


def _parts(report: Report) -> list[str]:
    facts = [Table("", ("text", "size"), list(report.facts.items()))] if report.facts else []
    return [f"**{report.headline}**", *(_escape(table).to_markdown() for table in [*facts, *report.tables])]


def _escape(table: Table) -> Table:
    """Keep tokens such as <s> from being read as HTML, and a cell from ending its row."""
    rows = [[_escaped(cell) if isinstance(cell, str) else cell for cell in row] for row in table.rows]
    return Table(table.title, table.columns, rows)


def _escaped(text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text.replace("&", "&amp;").replace("<", "&lt;"))


def write_proof(card: Path, reports: Sequence[Report]) -> None:
    """Write the results into a card, between the marks, and leave all else of it as it is.

    A card without marks, of somebody who took them away, gets them at its end; where there is none, one is made.

    Raises
    ------
    InputError
        When one mark is there without the other, or they stand more than once.
    """
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    region = spell_region(spell_proof(reports))
    if BEGIN not in text and END not in text:
        changed = f"{text.rstrip()}\n\n## Proof\n\n{region}\n".lstrip()
    elif text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(END) < text.index(BEGIN):
        raise InputError(f"{card} must have the marks {BEGIN} and {END} once each, in this order, or neither.")
    else:
        changed = text[: text.index(BEGIN)] + region + text[text.index(END) + len(END) :]
    staged = card.with_name(f".{card.name}.incomplete")
    try:
        staged.write_text(changed, encoding="utf-8")
        os.replace(staged, card)
    except OSError as error:
        raise OutputError(f"{card} cannot be written: {error.strerror}. Nothing in it was changed.") from error
