"""What to try when a corpus became much smaller than was meant."""

from __future__ import annotations

from collections.abc import Iterable

from corpus_pipeline.account import Account
from corpus_pipeline.reading import TEXT
from corpus_pipeline.stages import Read

__all__ = ["advise_on_lines"]

# The share of the most frequent n-gram is large where there are hardly any others.
SHORT = ("gopher short doc", "gopher enough stop words", "too few sentences", "top ")
"""How the reasons begin that a single line often gives."""


def advise_on_lines(read: Read, inputs: Iterable[str], account: Account) -> str | None:
    """Say how lines are joined, where they were documents and more than half of these were too short to be kept."""
    if (read.document, read.lines) != ("line", 1) or not any(name.endswith(TEXT) for name in inputs):
        return None
    documents = account.stages[0].documents
    short = sum(
        count for stage in account.stages for reason, count in stage.reasons.items() if reason.startswith(SHORT)
    )
    if 2 * short <= documents:
        return None
    return (
        f"{short:,} of {documents:,} documents were too short for the rules, and each line of a text file is a "
        "document: --set read.lines=12 joins 12 lines, --set read.document=blank-line (or file) takes what stands "
        "between blank lines (or all of a file)."
    )
