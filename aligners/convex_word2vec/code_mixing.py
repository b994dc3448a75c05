"""Code-mixing: lines in which some words stand in the other language."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from vocabx.core.arrays import Ints

__all__ = ["Linked", "Translations", "mix_linked", "mix_words", "translations"]

LONGEST_SPAN = 3
"""Most words of a line that are replaced by one translation."""

LONGEST_ENDING = 3
"""Most characters that may follow a word of the dictionary within a word of the text, such as a particle."""

SHORTEST_STEM = 2

Translations = Mapping[str, Sequence[str]]
"""A word in lower case → what it may be replaced with."""


class Linked(Protocol):
    """Translated lines as words, with (source word, target word) links (L, 2) for each pair of lines."""

    @property
    def source_words(self) -> Sequence[Sequence[str]]:
        """Words of each source line."""

    @property
    def target_words(self) -> Sequence[Sequence[str]]:
        """Words of each target line."""

    @property
    def source_lines(self) -> Sequence[str]:
        """Lines that the source words were cut from."""

    @property
    def target_lines(self) -> Sequence[str]:
        """Lines that the target words were cut from."""

    @property
    def links(self) -> Sequence[Ints]:
        """Links of each pair."""


def translations(pairs: Iterable[tuple[str, str]]) -> Translations:
    """Index pairs of words by the first.

    >>> translations([("Dog", "개"), ("dog", "강아지")])
    {'dog': ['개', '강아지']}
    """
    found: dict[str, list[str]] = {}
    for word, translation in pairs:
        found.setdefault(word.lower(), []).append(translation)
    return found


def mix_words(
    lines: Iterable[str],
    cut: Callable[[str], list[str]],
    known: Translations,
    share: float,
    generator: np.random.Generator,
    *,
    endings: bool = False,
) -> Iterator[str]:
    """Replace words of lines by their translations; a line without a known word is left out.

    Parameters
    ----------
    lines : iterable of str
    cut : callable
        Cuts a line into words.
    known : mapping
        What words may be replaced with.
    share : float
        The chance of a known word to be replaced.
    generator : Generator
    endings : bool
        Whether a word also counts as known when it begins with a known one and goes on with a short ending, which
        is kept: languages such as Korean write particles and endings without a space.
    """
    for line in lines:
        words = cut(line)
        found = [_look_up(word, known, endings) for word in words]
        if not any(found):
            continue
        draws = generator.random(len(words))
        picks = generator.random(len(words))
        mixed = [
            entry[0][int(pick * len(entry[0]))] + entry[1] if entry and draw < share else word
            for word, entry, draw, pick in zip(words, found, draws.tolist(), picks.tolist(), strict=True)
        ]
        yield _join(line, words, mixed)


def mix_linked(linked: Linked, share: float, generator: np.random.Generator) -> Iterator[str]:
    """Yield each target line with spans in the source language, then its source line with spans in the target's.

    A span of up to three words is replaced by the span that it is linked with, provided that no link leads out of
    either; `share` is the chance that a replacement is tried at a word.
    """
    for number, links in enumerate(linked.links):
        source = (linked.source_lines[number], linked.source_words[number])
        target = (linked.target_lines[number], linked.target_words[number])
        yield _mix_line(*target, *source, links[:, ::-1], share, generator)
        yield _mix_line(*source, *target, links, share, generator)


def _look_up(word: str, known: Translations, endings: bool) -> tuple[Sequence[str], str] | None:
    key = word.lower()
    if key in known:
        return known[key], ""
    if not endings or len(key) != len(word):  # a few letters change their length in lower case
        return None
    for size in range(1, min(LONGEST_ENDING, len(word) // 2) + 1):
        stem = key[:-size]
        if len(stem) >= SHORTEST_STEM and stem in known:
            return known[stem], word[-size:]
    return None


def _join(line: str, words: Sequence[str], mixed: Sequence[str]) -> str:
    """Put other words into a line, keeping what stands between them."""
    parts, place = [], 0
    for word, new in zip(words, mixed, strict=True):
        begin = line.index(word, place)
        parts += [line[place:begin], new]
        place = begin + len(word)
    return "".join([*parts, line[place:]])


def _mix_line(
    line: str,
    words: Sequence[str],
    other_line: str,
    other_words: Sequence[str],
    links: Ints,
    share: float,
    generator: np.random.Generator,
) -> str:
    """Replace spans of one line by spans of the other; links lead from this line's words to the other's."""
    there: list[list[int]] = [[] for _ in words]
    back: list[list[int]] = [[] for _ in other_words]
    for here, other in links.tolist():
        there[here].append(other)
        back[other].append(here)
    draws = generator.random(len(words)).tolist()
    sizes = generator.integers(1, LONGEST_SPAN + 1, len(words)).tolist()
    places, other_places = _places(line, words), _places(other_line, other_words)
    parts, at, word = [], 0, 0
    while word < len(words):
        end = min(word + sizes[word], len(words))
        span = _linked_span(there, back, word, end) if draws[word] < share else None
        if span is not None:
            parts += [line[at : places[word][0]], other_line[other_places[span[0]][0] : other_places[span[1] - 1][1]]]
            at = places[end - 1][1]
        word = end if span is not None else word + 1
    return "".join([*parts, line[at:]])


def _places(line: str, words: Sequence[str]) -> list[tuple[int, int]]:
    places, at = [], 0
    for word in words:
        begin = line.index(word, at)
        at = begin + len(word)
        places.append((begin, at))
    return places


def _linked_span(
    there: Sequence[Sequence[int]], back: Sequence[Sequence[int]], begin: int, end: int
) -> tuple[int, int] | None:
    """Return the span that words begin to end are linked with, if no link crosses its border."""
    linked = [other for word in range(begin, end) for other in there[word]]
    if not linked:
        return None
    first, last = min(linked), max(linked) + 1
    if last - first > LONGEST_SPAN:
        return None
    is_closed = all(begin <= word < end for other in range(first, last) for word in back[other])
    return (first, last) if is_closed else None
