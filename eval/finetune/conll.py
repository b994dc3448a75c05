"""CoNLL files: a word a line with its tag, and a blank line between sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vocabx.core.errors import InputError
from vocabx.core.text_files import read_lines
from vocabx.eval.finetune.entities import find_entities, to_iob2

__all__ = ["Sentences", "read_conll"]

TAG = re.compile(r"O|[BIESLU]-\S+")
BETWEEN_DOCUMENTS = "-DOCSTART-"


@dataclass(frozen=True)
class Sentences:
    """Sentences as words, each with its tag in IOB2, whatever the file spells."""

    words: Sequence[Sequence[str]]
    tags: Sequence[Sequence[str]]

    def __len__(self) -> int:
        return len(self.words)

    @property
    def kinds(self) -> list[str]:
        """Names of the kinds of entities, sorted."""
        return sorted({entity.kind for tags in self.tags for entity in find_entities(tags)})


def read_conll(path: Path, limit: int | None = None) -> Sentences:
    """Read a file of columns, divided by tabs or spaces: the first is the word, the last its tag.

    Tags may be of IOB1, IOB2, IOBES or BILOU. Lines that begin with ``# `` and have no tag are comments.

    Parameters
    ----------
    path : Path
    limit : int, optional
        Read so many sentences at most.

    Raises
    ------
    InputError
        With the line, where one has no tag, or not as many columns as the others.
    """
    words, tags = list[list[str]](), list[list[str]]()
    for rows in _sentences(path):
        words.append([row[0] for row in rows])
        tags.append(to_iob2([row[-1] for row in rows]))
        if len(words) == limit:
            break
    if not words:
        raise InputError(f"{path} has no sentence.")
    return Sentences(words, tags)


def _sentences(path: Path) -> Iterator[list[list[str]]]:
    rows, columns = list[list[str]](), 0
    for number, line in enumerate(read_lines(path), 1):
        row = _row(line)
        if not row or row[0] == BETWEEN_DOCUMENTS:
            if rows:
                yield rows
            rows = []
            continue
        if line.startswith("# ") and not TAG.fullmatch(row[-1]):
            continue
        where = f"Line {number} of {path}"
        columns = columns or len(row)
        if len(row) < 2:
            raise InputError(f"{where} has one column; a word and its tag are needed.")
        if len(row) != columns:
            raise InputError(f"{where} has {len(row)} columns, and those before it have {columns}.")
        if not row[0]:
            raise InputError(f"{where} has no word.")
        if not TAG.fullmatch(row[-1]):
            raise InputError(
                f"{where} has the tag {row[-1]!r}; a tag is O, or a letter of BIESLU, a hyphen and a name."
            )
        rows.append(row)
    if rows:
        yield rows


def _row(line: str) -> list[str]:
    # A word between tabs may hold a space.
    if not line.strip():
        return []
    return [cell.strip() for cell in line.split("\t")] if "\t" in line else line.split()
