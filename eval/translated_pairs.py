"""Translated pairs: lines with their translations, and the prompts that ask a model for one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Self

from vocabx.core.errors import InputError

__all__ = ["PROMPT", "Direction", "Pairs"]

PROMPT = "{source language}: {source}\n{target language}:"
"""What a model is asked; the answer follows after a space and ends with its line. Examples come before, in the same
form, a blank line after each."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Line-aligned texts of two languages: `target` n translates `source` n."""

    source: tuple[str, ...]
    target: tuple[str, ...]

    @classmethod
    def of(cls, source: Sequence[str], target: Sequence[str], names: tuple[str, str]) -> Self:
        """Check lines that were read from two places, which `names` names.

        Raises
        ------
        InputError
            When the two have different numbers of lines, or none.
        """
        if len(source) != len(target):
            raise InputError(
                f"{names[0]} and {names[1]} are not line-aligned: they have {len(source):,} and {len(target):,} lines."
            )
        if not source:
            raise InputError(f"{names[0]} and {names[1]} are empty.")
        return cls(tuple(line.strip() for line in source), tuple(line.strip() for line in target))

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, lines: slice) -> Pairs:
        return Pairs(self.source[lines], self.target[lines])

    @property
    def translated(self) -> Pairs:
        """The pairs of which no side is blank or the same as the other."""
        return self.choose([bool(one and other) and one != other for one, other in self._rows])

    @property
    def reversed(self) -> Pairs:
        """The same pairs, to be translated back."""
        return Pairs(self.target, self.source)

    def without(self, known: Collection[str]) -> Pairs:
        """Return the pairs of which neither side is among some lines."""
        return self.choose([one not in known and other not in known for one, other in self._rows])

    def choose(self, is_kept: Sequence[bool]) -> Pairs:
        """Return some of the pairs, by a flag for each."""
        return Pairs(tuple(compress(self.source, is_kept)), tuple(compress(self.target, is_kept)))

    @property
    def _rows(self) -> Iterator[tuple[str, str]]:
        return zip(self.source, self.target, strict=True)


@dataclass(frozen=True, slots=True)
class Direction:
    """What is translated into what, and the examples that a prompt begins with; none of these is asked for."""

    source_language: str
    target_language: str
    pairs: Pairs
    examples: Pairs = Pairs((), ())

    @property
    def name(self) -> str:
        """The direction as a result names its task."""
        return f"{self.source_language}-{self.target_language}"

    @property
    def reversed(self) -> Direction:
        """The direction back."""
        return Direction(self.target_language, self.source_language, self.pairs.reversed, self.examples.reversed)

    def ask(self, source: str) -> str:
        """Return what asks for the translation of a line, without examples."""
        return f"{self.source_language}: {source}\n{self.target_language}:"

    def prompts(self) -> list[str]:
        """Return what the model reads for each pair, examples and all."""
        shown = "".join(
            f"{self.ask(source)} {target}\n\n"
            for source, target in zip(self.examples.source, self.examples.target, strict=True)
        )
        return [shown + self.ask(source) for source in self.pairs.source]
