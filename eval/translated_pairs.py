"""Translated pairs: lines with their translations, and the prompts that ask a model for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
            When the two have different numbers of lines, none, or a line that is blank on one side.
        """
        if len(source) != len(target):
            raise InputError(
                f"{names[0]} and {names[1]} are not line-aligned: they have {len(source):,} and {len(target):,} lines."
            )
        if not source:
            raise InputError(f"{names[0]} and {names[1]} are empty.")
        for name, lines in zip(names, (source, target), strict=True):
            blank = [number for number, line in enumerate(lines, 1) if not line.strip()]
            if blank:
                listed = ", ".join(map(str, blank[:5])) + (" ..." if len(blank) > 5 else "")
                raise InputError(
                    f"{name} is blank in {len(blank):,} of {len(lines):,} lines ({listed}), and a blank line has no "
                    "translation. Take these lines out of both sides."
                )
        return cls(tuple(line.strip() for line in source), tuple(line.strip() for line in target))

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, lines: slice) -> Pairs:
        return Pairs(self.source[lines], self.target[lines])

    @property
    def reversed(self) -> Pairs:
        """The same pairs, to be translated back."""
        return Pairs(self.target, self.source)


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
