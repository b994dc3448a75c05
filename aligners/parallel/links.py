"""Files of word alignments, as fast_align, eflomal and awesome-align write them: ``0-0 1-2 2p1``, one line a pair."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from vocabx.core.arrays import Ints
from vocabx.core.errors import InputError
from vocabx.core.text_files import read_lines

__all__ = ["check_links", "read_links", "write_links"]

LINK = re.compile(r"(\d+)([-p])(\d+)(?::\S+)?")
"""Source word, sure (``-``) or possible (``p``), target word; a score may follow."""


def read_links(path: Path, pairs: int, *, keep_possible: bool = True) -> list[Ints]:
    """Read the links of every line.

    Parameters
    ----------
    path : Path
    pairs : int
        How many lines the file must have.
    keep_possible : bool
        Whether links that are only possible (``0p1``) count.

    Returns
    -------
    list of ndarray of int64, shape (L, 2)
        (source word, target word) from 0, sorted and each once.

    Raises
    ------
    InputError
        When the file cannot be read, has another number of lines, or holds something that is no link.
    """
    lines = read_lines(path)
    if len(lines) != pairs:
        raise InputError(
            f"{path} has {len(lines):,} lines of word alignments for {pairs:,} pairs of lines: every pair needs one."
        )
    return [_parse(path, number, line, keep_possible) for number, line in enumerate(lines, 1)]


def check_links(path: Path, numbers: Iterable[int], links: Iterable[Ints], sizes: Iterable[tuple[int, int]]) -> None:
    """Raise `InputError` for a link to a word that its line (a number from 0) does not have."""
    for number, found, (source, target) in zip(numbers, links, sizes, strict=True):
        wrong = found[(found[:, 0] >= source) | (found[:, 1] >= target)]
        if len(wrong):
            raise InputError(
                f"{path}, line {number + 1}: the link {wrong[0][0]}-{wrong[0][1]} is out of range, because the lines "
                f"have {source} and {target} words. Words are what stands between spaces, counted from 0, and the "
                "source's comes first."
            )


def write_links(path: Path, links: Sequence[Ints]) -> None:
    """Write links, one line a pair."""
    with path.open("w", encoding="utf-8") as sink:
        for found in links:
            sink.write(" ".join(f"{i}-{j}" for i, j in found.tolist()) + "\n")


def _parse(path: Path, number: int, line: str, keep_possible: bool) -> Ints:
    found = set[tuple[int, int]]()
    for item in line.split():
        match = LINK.fullmatch(item)
        if match is None:
            raise InputError(
                f"{path}, line {number}: {item!r} is no link between words, which is spelt like 0-0 or 0p1."
            )
        if match[2] == "-" or keep_possible:
            found.add((int(match[1]), int(match[3])))
    return np.array(sorted(found), np.int64).reshape(-1, 2)
