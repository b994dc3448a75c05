"""Dictionary: words of the source language and their translations."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vocabx.core.errors import InputError
from vocabx.core.scripts import characters_of_scripts
from vocabx.core.text_files import read_lines

__all__ = ["Dictionary", "read_dictionary"]

NO_PAIR = "are no word and its translation"
SEVERAL_WORDS = "hold an entry of several words"
OTHER_SCRIPT = "have a translation in another script"
REPEATED = "repeat an earlier one"


@dataclass(frozen=True)
class Dictionary:
    """Pairs of words, and how many lines gave none.

    Attributes
    ----------
    pairs : tuple of (str, str)
        A word and one translation of it; a word may occur in many pairs.
    dropped : mapping of str to int
        Lines left out, by the reason.
    """

    pairs: tuple[tuple[str, str], ...]
    dropped: Mapping[str, int]

    def __str__(self) -> str:
        left_out = "".join(f"; {count:,} lines {why}" for why, count in self.dropped.items())
        return f"{len(self.pairs):,} pairs{left_out}"


def read_dictionary(path: Path, scripts: Collection[str] = (), unique: bool = True) -> Dictionary:
    """Read a bilingual dictionary: on each line a word, a tab or spaces, and its translation.

    Blank lines and lines that begin with ``#`` (and no tab after it) are comments. Columns after the second are left
    out where tabs separate them. An entry of several words is dropped: word vectors know words, and a mean of several
    is seldom where their translation is. Both sides are put into Unicode's composed form (NFC).

    Parameters
    ----------
    path : Path
        UTF-8, with or without a byte order mark.
    scripts : collection of str
        Keep a pair only if its translation has a character of one of these scripts; empty keeps all.
    unique : bool
        Whether a pair that occurs twice counts once.

    Raises
    ------
    InputError
        When the file cannot be read or holds no usable pair.
    """
    listed = [_pair(line) for line in _lines(path)]
    wanted = _characters(listed, scripts)
    dropped: Counter[str] = Counter()
    pairs: list[tuple[str, str]] = []
    seen: set[tuple[str, str]] = set()
    for pair in listed:
        if why := _why_not(pair, wanted, seen):
            dropped[why] += 1
            continue
        pairs.append(pair)
        if unique:
            seen.add(pair)
    if not pairs:
        reasons = "; ".join(f"{count:,} lines {why}" for why, count in dropped.items()) or "it is empty"
        raise InputError(
            f"The dictionary {path} has no usable pair: {reasons}. Give lines that hold a word, a tab and "
            "its translation."
        )
    return Dictionary(tuple(pairs), dict(dropped))


def _lines(path: Path) -> Iterator[str]:
    for line in read_lines(path):
        is_comment = line.startswith("#") and not line.startswith("#\t")
        if not is_comment and line.strip():
            yield unicodedata.normalize("NFC", line)


def _pair(line: str) -> tuple[str, str]:
    """Return both sides, either of them empty where the line does not tell."""
    cells = [cell.strip() for cell in line.split("\t")] if "\t" in line else line.split()
    if len(cells) < 2 or ("\t" not in line and len(cells) > 2):
        return "", ""
    return cells[0], cells[1]


def _characters(pairs: Iterable[tuple[str, str]], scripts: Collection[str]) -> set[str]:
    """Return the characters of all translations, without those of other scripts when some are named."""
    characters = "".join(sorted(set().union(*(target for _, target in pairs))))
    if not scripts:
        return set(characters)
    codes = np.frombuffer(characters.encode("utf-32-le", "replace"), "<u4").astype(np.uint32)
    return {
        character
        for character, is_wanted in zip(characters, characters_of_scripts(codes, scripts), strict=True)
        if is_wanted
    }


def _why_not(pair: tuple[str, str], wanted: set[str], seen: set[tuple[str, str]]) -> str:
    if not all(pair):
        return NO_PAIR
    if any(len(side.split()) > 1 for side in pair):
        return SEVERAL_WORDS
    if wanted.isdisjoint(pair[1]):
        return OTHER_SCRIPT
    return REPEATED if pair in seen else ""
