"""The distinct texts that a tokenizer's model sees, so that each is encoded once, and exactly as in its line."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from vocabx.core.arrays import Ints, Ragged
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.surfaces import MARKER, Family

__all__ = ["DistinctTexts", "collect_texts"]

BEFORE_MARKER = re.compile(f"([^{MARKER}]){MARKER}")


@dataclass(frozen=True)
class DistinctTexts:
    """What a corpus is made of: the ids of a line are those of its texts, one after another.

    Attributes
    ----------
    words : tuple of str
        Native words, which the model sees one by one.
    lines : tuple of str
        Whole lines in which an added token stands; the pipeline alone knows how it cuts them.
    counts : ndarray of int64, shape (words + lines,)
        How often each occurs.
    places : tuple of sequences of int, length words + lines
        The first lines that each occurs in, by number; as many as were asked for.
    line_count : int
        Lines of the corpus.
    """

    words: tuple[str, ...]
    lines: tuple[str, ...]
    counts: Ints
    places: tuple[Sequence[int], ...]
    line_count: int

    def encode(self, segmenter: FastSegmenter) -> Ragged:
        """Return the ids of every word and then of every whole line."""
        words, lines = segmenter.encode_words(self.words), Ragged.from_rows(segmenter.encode(self.lines))
        starts = np.concatenate([words.starts, len(words.values) + lines.starts[1:]])
        return Ragged(np.concatenate([words.values, lines.values]), starts)


def collect_texts(
    segmenter: FastSegmenter,
    batches: Iterable[Sequence[str]],
    *,
    compose: bool = False,
    places: int = 0,
    progress: Callable[[int], None] = lambda lines: None,
) -> DistinctTexts:
    """Take streamed lines apart; only what is distinct is held.

    Parameters
    ----------
    segmenter : FastSegmenter
    batches : iterable of sequences of str
    compose : bool
        Whether Unicode NFC is applied first.
    places : int
        How many line numbers are noted for each text.
    progress : callable
        Is told the number of lines done.
    """
    split, holds_added = _splitter(segmenter), _added_finder(segmenter)
    words, whole = _Tally(places), _Tally(places)
    number = 0
    for batch in batches:
        for line in batch:
            text = unicodedata.normalize("NFC", line) if compose else line
            if holds_added(text):
                whole.add([text], number)
            else:
                words.add(split(text), number)
            number += 1
        progress(number)
    counts = [*words.counts.values(), *whole.counts.values()]
    noted = [tally.places.get(text, ()) for tally in (words, whole) for text in tally.counts]
    return DistinctTexts(
        tuple(words.counts), tuple(whole.counts), np.fromiter(counts, np.int64, len(counts)), tuple(noted), number
    )


@dataclass
class _Tally:
    limit: int
    counts: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[int]] = field(default_factory=dict)

    def add(self, texts: Sequence[str], line: int) -> None:
        self.counts.update(texts)
        if self.limit:
            for text in set(texts):
                noted = self.places.setdefault(text, [])
                if len(noted) < self.limit:
                    noted.append(line)


def _splitter(segmenter: FastSegmenter) -> Callable[[str], list[str]]:
    """Return what splits a line without added tokens into words."""
    split = segmenter.words
    if not _decides_locally(segmenter):
        return split
    cut = _marked_word(segmenter.definition["model"]["vocab"]).findall
    return lambda line: [word for part in split(line) for word in cut(part)]


def _decides_locally(segmenter: FastSegmenter) -> bool:
    """Whether what happens on one side of a border that no piece crosses is the same without the other side.

    It is so in BPE. Unigram adds scores along the line, and between equal ones rounding may decide.
    """
    model = segmenter.definition["model"]
    return segmenter.family is Family.METASPACE and not model["ignore_merges"] and MARKER in model["vocab"]


def _marked_word(pieces: Iterable[str]) -> re.Pattern[str]:
    """Match a word with the markers before it; words between which a piece may reach stay together."""
    crossed = {character for piece in pieces for character in BEFORE_MARKER.findall(piece)}
    word = f"{MARKER}*[^{MARKER}]+"
    if crossed:
        word += f"(?:(?<=[{''.join(map(re.escape, sorted(crossed)))}]){MARKER}+[^{MARKER}]*)*"
    return re.compile(f"{word}|{MARKER}+")


def _added_finder(segmenter: FastSegmenter) -> Callable[[str], bool]:
    """Return what tells whether an added token may stand in a line; where there is doubt it says yes."""
    added = segmenter.definition["added_tokens"]
    normalizer = segmenter.backend.normalizer
    normalize = normalizer.normalize_str if normalizer else str
    contents = {token["content"] for token in added} | {
        normalize(token["content"]) for token in added if token["normalized"]
    }
    contents.discard("")
    if not contents:
        return lambda line: False
    lengths = sorted({len(content) for content in contents})
    # One alternation of thousands of spellings would be tried in turn; a set answers at once.
    begins = re.compile("|".join(map(re.escape, sorted({content[0] for content in contents})))).finditer

    def holds(text: str) -> bool:
        starts = (match.start() for match in begins(text))
        return any(text[start : start + length] in contents for start in starts for length in lengths)

    if not any(token["normalized"] for token in added) or normalizer is None:
        return holds
    return lambda line: holds(line) or holds(normalize(line))
