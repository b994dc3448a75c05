"""Pairs: paragraphs that no tokenizer was trained on, each with its translation where there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vocabx.core.corpus import Corpus
from vocabx.core.errors import InputError
from vocabx.core.text_files import read_lines
from vocabx.materials import existing_file

__all__ = ["HeldOut", "Pair", "check_unseen", "draw_pairs", "read_held_out", "read_pairs"]

SEARCHED_AT_ONCE = 1 << 20
"""Characters of the corpus that are searched together."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A paragraph and its translation; without one the source is empty."""

    target: str
    source: str = ""


@dataclass(frozen=True)
class HeldOut:
    """Paragraphs to measure on: in the target language, and the same in the source language or none.

    `files` says where each side was read, by the name of the side.
    """

    target: tuple[str, ...]
    source: tuple[str, ...]
    files: Mapping[str, Path] = field(default_factory=dict, compare=False)

    @property
    def sides(self) -> dict[str, tuple[str, ...]]:
        """The languages that there is text in, by name."""
        return {"target": self.target, **({"source": self.source} if self.source else {})}


def read_held_out(target: Path, source: Path | None, minimum_bytes: int, count: int, seed: int) -> HeldOut:
    """Read and draw `count` paragraphs, or pairs where there is a file of translations."""
    pairs = read_pairs(target, source, minimum_bytes)
    files = {"target": target} if source is None else {"target": target, "source": source}
    drawn = draw_pairs(
        pairs, count, seed, f" of at least {minimum_bytes} bytes in {' and '.join(map(str, files.values()))}"
    )
    return HeldOut(
        tuple(pair.target for pair in drawn), tuple(pair.source for pair in drawn) if source is not None else (), files
    )


def read_pairs(target: Path, source: Path | None, minimum_bytes: int) -> list[Pair]:
    """Read paragraphs, one a line, that are long enough and in there once.

    With a second file, line n of which translates line n of the first, this holds of both sides, and a line that is
    the same in both is untranslated and left out.

    Raises
    ------
    InputError
        When a file is missing, empty or no text, or the two have different numbers of lines.
    """
    texts = _lines(target, "--held-out")
    translations = [""] * len(texts) if source is None else _lines(source, "--held-out-source")
    if len(texts) != len(translations):
        raise InputError(f"{target} and {source} are not line-aligned: {len(texts)} and {len(translations)} lines.")
    found: dict[str, Pair] = {}
    sources: set[str] = set()
    for pair in map(Pair, texts, translations):
        sides = (pair.target,) if source is None else (pair.target, pair.source)
        is_long = min(len(text.encode()) for text in sides) >= max(minimum_bytes, 1)
        if pair.target == pair.source or not is_long or pair.source in sources:
            continue
        found.setdefault(pair.target, pair)
        sources |= set(sides[1:])
    return list(found.values())


def _lines(file: Path, option: str) -> list[str]:
    lines = [line.strip() for line in read_lines(existing_file(file, option))]
    if not any(lines):
        raise InputError(f"{file} is empty. Give a file with a paragraph on each line with {option}.")
    return lines


def draw_pairs(pairs: Sequence[Pair], count: int, seed: int, place: str = "") -> list[Pair]:
    """Draw pairs and leave them in the order of the files; `place` says to the user where they are from."""
    if not 0 < count <= len(pairs):
        raise InputError(
            f"There are {len(pairs)} usable paragraphs{place}, and {count} were asked for. Choose another number with "
            "--paragraphs, or allow shorter ones with --minimum-bytes."
        )
    chosen = np.random.default_rng(seed).choice(len(pairs), count, replace=False)
    return [pairs[index] for index in sorted(chosen)]


def check_unseen(held_out: HeldOut, corpus: Corpus) -> None:
    """Raise `InputError` when a paragraph is a line of the corpus, or a part of one."""
    lines, size = list[str](), 0
    for line in corpus.lines():
        lines.append(line)
        size += len(line)
        if size >= SEARCHED_AT_ONCE:
            _search(held_out, lines)
            lines, size = [], 0
    _search(held_out, lines)


def _search(held_out: HeldOut, lines: Sequence[str]) -> None:
    text = "\n".join(lines)
    for side, paragraphs in held_out.sides.items():
        for paragraph in paragraphs:
            if paragraph.strip() in text:
                place = f" of {held_out.files[side]}" if side in held_out.files else ""
                raise InputError(
                    f"This paragraph{place} is in the training text, too, so it measures nothing; take it out of one "
                    f"of them: {paragraph}"
                )
