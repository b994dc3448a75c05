"""The part of a card that is written again after each proof: what stands between two marks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vocabx.card.region import Region, escape_table
from vocabx.core.report import Report, Table

__all__ = ["UNPROVED", "spell_proof", "spell_region", "write_proof"]

PROOF = Region("proof", "Proof")
UNPROVED = (
    "Nothing was checked here yet. `vocabx card DIRECTORY --base {base}` runs the checks of `vocabx verify` and writes "
    "their results here; with `--text LABEL=FILE` also what the tokenizers make of a text."
)


def spell_region(text: str) -> str:
    """Put a text between the marks."""
    return PROOF.spell(text)


def spell_proof(reports: Sequence[Report]) -> str:
    """Spell the reports of a verification, of an audit, or both."""
    return "\n\n".join(part for report in reports for part in _parts(report))


def _parts(report: Report) -> list[str]:
    facts = [Table("", ("text", "size"), list(report.facts.items()))] if report.facts else []
    return [f"**{report.headline}**", *(escape_table(table).to_markdown() for table in [*facts, *report.tables])]


def write_proof(card: Path, reports: Sequence[Report]) -> None:
    """Write the results into a card, between the marks, and leave all else of it as it is.

    A card without marks, of somebody who took them away, gets them at its end; where there is none, one is made.

    Raises
    ------
    InputError
        When one mark is there without the other, or they stand more than once.
    """
    PROOF.write(card, spell_proof(reports))
