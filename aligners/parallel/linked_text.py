"""Translated lines with the words that are translations of each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from vocabx.aligners.parallel.ibm1 import DiagonalModel
from vocabx.aligners.parallel.links import check_links, read_links
from vocabx.aligners.parallel.symmetrize import symmetrize
from vocabx.aligners.parallel.text import read_parallel
from vocabx.aligners.parallel.words import find_words, word_ids
from vocabx.core.arrays import Ints, Ragged
from vocabx.core.transfer import Parallel

__all__ = ["MOST_PAIRS", "LinkedText", "align_words", "word_links"]

Say = Callable[[str], None]

MOST_PAIRS = 200_000
"""Pairs of lines used unless more are asked for; linking them takes a few minutes and gigabytes."""


@dataclass(frozen=True)
class LinkedText:
    """P pairs of lines and their links.

    Attributes
    ----------
    source_words, target_words : list of list of str, each of length P
    links : list of ndarray of int64, shape (L, 2)
        For each pair (source word, target word), both counted from 0, sorted.
    source_lines, target_lines : list of str
        The lines that the words were cut from.
    """

    source_words: list[list[str]]
    target_words: list[list[str]]
    links: list[Ints]
    source_lines: list[str] = field(default_factory=list)
    target_lines: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.links)


def word_links(
    parallel: Parallel,
    say: Say = lambda message: None,
    symmetrization: str = "grow-diag-final-and",
    most: int = MOST_PAIRS,
) -> LinkedText:
    """Read translated lines and link their words.

    Where `parallel.links` names a file, its links are taken, and words are what stands between spaces; otherwise
    words are cut by `find_words` and linked by `align_words`. At most `most` pairs are used; 0 uses all.

    Raises
    ------
    CorpusError, InputError
        When the files do not fit together.
    """
    pairs = read_parallel(parallel, most)
    cut = find_words if parallel.links is None else str.split
    source, target = [cut(line) for line in pairs.source], [cut(line) for line in pairs.target]
    left_out = pairs.in_files - len(pairs)
    say(f"{len(pairs):,} pairs of lines" + (f", {left_out:,} left out" if left_out else ""))
    if parallel.links is None:
        links = align_words(word_ids(source), word_ids(target), symmetrization, say)
    else:
        of_files = read_links(parallel.links, pairs.in_files)
        links = [of_files[number] for number in pairs.numbers]
        sizes = zip(map(len, source), map(len, target), strict=True)
        check_links(parallel.links, pairs.numbers.tolist(), links, sizes)
    return LinkedText(source, target, links, pairs.source, pairs.target)


def align_words(
    source: Ragged, target: Ragged, symmetrization: str = "grow-diag-final-and", say: Say = lambda message: None
) -> list[Ints]:
    """Link lines of word ids with their translations: one model in each direction, then joined.

    Returns
    -------
    list of ndarray of int64, shape (L, 2)
        For each pair of lines (source word, target word), sorted.
    """
    model = DiagonalModel()
    forward = model.fit(source, target)
    say(f"Links from source to target are found (tension {forward.tension:.1f}).")
    backward = model.fit(target, source)
    say(f"Links from target to source are found (tension {backward.tension:.1f}).")
    return symmetrize(Ragged(forward.links, target.starts), Ragged(backward.links, source.starts), symmetrization)
