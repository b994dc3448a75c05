"""A part of a card that is written again and again: what stands between two marks."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from vocabx.core.errors import InputError, OutputError
from vocabx.core.report import Table

__all__ = ["Region", "escape_table", "escape_text", "read_card", "replace_card"]


@dataclass(frozen=True, slots=True)
class Region:
    """What stands between two marks that name it; `heading` goes before it where a card has no marks yet."""

    name: str
    heading: str

    @property
    def begin(self) -> str:
        """The first mark."""
        return f"<!-- vocabx: {self.name} begins -->"

    @property
    def end(self) -> str:
        """The last mark."""
        return f"<!-- vocabx: {self.name} ends -->"

    def spell(self, text: str) -> str:
        """Put a text between the marks."""
        return f"{self.begin}\n{text}\n{self.end}"

    def put(self, text: str, card: str, place: Path) -> str:
        """Return a card's text with another text between the marks, and all else as it is.

        A card without marks, of somebody who took them away, gets them at its end.

        Raises
        ------
        InputError
            When one mark is there without the other, or they stand more than once; it names the place of the card.
        """
        if self.begin not in card and self.end not in card:
            return f"{card.rstrip()}\n\n## {self.heading}\n\n{self.spell(text)}\n".lstrip()
        before, _, rest = card.partition(self.begin)
        if card.count(self.begin) != 1 or card.count(self.end) != 1 or self.end in before:
            raise InputError(
                f"{place} must have the marks {self.begin} and {self.end} once each, in this order, or neither."
            )
        return before + self.spell(text) + rest.partition(self.end)[2]

    def write(self, card: Path, text: str) -> None:
        """Write a text into a card, between the marks; where there is no card, one is made."""
        replace_card(card, self.put(text, read_card(card), card))


def read_card(card: Path) -> str:
    """Return the text of a card, empty where there is none."""
    try:
        return card.read_text(encoding="utf-8") if card.is_file() else ""
    except (OSError, ValueError) as error:
        raise InputError(f"{card} cannot be read as text in UTF-8.") from error


def replace_card(card: Path, text: str) -> None:
    """Write a card, whole or not at all."""
    staged = card.with_name(f".{card.name}.incomplete")
    try:
        staged.write_text(text, encoding="utf-8")
        os.replace(staged, card)
    except OSError as error:
        raise OutputError(f"{card} cannot be written: {error.strerror}. Nothing in it was changed.") from error


def escape_table(table: Table) -> Table:
    """Keep tokens such as <s> from being read as HTML, and a cell from ending its row."""
    rows = [[escape_text(cell) if isinstance(cell, str) else cell for cell in row] for row in table.rows]
    return Table(table.title, [escape_text(column) for column in table.columns], rows)


def escape_text(text: str) -> str:
    """Put a text into one line that holds no markup."""
    return re.sub(r"\s*\n\s*", " ", text.replace("&", "&amp;").replace("<", "&lt;"))
