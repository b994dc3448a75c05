"""What is to be translated: files, languages, examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from vocabx.core.errors import InputError
from vocabx.core.text_files import read_lines
from vocabx.eval.translated_pairs import Direction, Pairs

__all__ = ["DIRECTIONS", "TranslationRequest"]

DIRECTIONS = ("both", "forth", "back")


@dataclass(frozen=True)
class TranslationRequest:
    """What is translated.

    Attributes
    ----------
    files : tuple of Path
        Two line-aligned files, source and target, or one whose lines have both, with a tab between them. Pairs that are
        blank on a side, or the same on both, are left out: they are untranslated.
    languages : tuple of str
        What the prompt calls the source and the target language.
    few_shot : int
        Examples before each question. They are the first pairs of `examples`, or without it those of `files`, which are
        then not asked for; pairs that share a line with them are not either.
    examples : tuple of Path
        Files of the same kind as `files`.
    direction : {"both", "forth", "back"}
        From source to target, back, or both.
    limit : int, optional
        Ask for so many pairs, the first that there are.
    new_tokens : int, optional
        The most tokens of an answer; by default `new_tokens_for` each model.
    batch_size : int
    seed : int
        Of the draws behind intervals.
    """

    files: tuple[Path, ...]
    languages: tuple[str, str]
    few_shot: int = 0
    examples: tuple[Path, ...] = ()
    direction: Literal["both", "forth", "back"] = "both"
    limit: int | None = None
    new_tokens: int | None = None
    batch_size: int = 1
    seed: int = 0

    def directions(self) -> list[Direction]:
        """Return what is asked for.

        Raises
        ------
        InputError
            When a file cannot be read, the lines are not aligned, there are not enough of them, or an option is not
            what it must be.
        """
        self._check()
        forth = Direction(*self.languages, self._asked, self._examples)
        return {"both": [forth, forth.reversed], "forth": [forth], "back": [forth.reversed]}[self.direction]

    @cached_property
    def left_out(self) -> int:
        """How many pairs are not asked for because they share a line with an example."""
        return len(self._rest) - len(self._unseen)

    @cached_property
    def untranslated(self) -> int:
        """How many pairs of `files` are blank on a side, or the same on both, and so neither asked for nor shown."""
        return len(self._read) - len(self._pairs)

    @cached_property
    def _read(self) -> Pairs:
        return read_pairs(self.files)

    @cached_property
    def _pairs(self) -> Pairs:
        return self._read.translated

    @cached_property
    def _examples(self) -> Pairs:
        found = read_pairs(self.examples).translated if self.examples else self._pairs
        if len(found) < self.few_shot:
            place = self.examples or self.files
            raise InputError(
                f"{place[0]} has {len(found):,} translated pairs, and {self.few_shot:,} examples were asked for."
            )
        return found[: self.few_shot]

    @cached_property
    def _rest(self) -> Pairs:
        return self._pairs if self.examples else self._pairs[self.few_shot :]

    @cached_property
    def _unseen(self) -> Pairs:
        return self._rest.without({*self._examples.source, *self._examples.target})

    @cached_property
    def _asked(self) -> Pairs:
        asked = self._unseen[: self.limit]
        if not len(asked):
            raise InputError(f"{self.files[0]} has no pair left to translate besides {self.few_shot:,} examples.")
        return asked

    def _check(self) -> None:
        if self.few_shot < 0:
            raise InputError(f"--few-shot is {self.few_shot}, and it cannot be less than 0.")
        for option, value in (
            ("limit", self.limit),
            ("new-tokens", self.new_tokens),
            ("batch-size", self.batch_size),
        ):
            if value is not None and value < 1:
                raise InputError(f"--{option} is {value}, and it must be at least 1.")
        if len(set(self.languages)) != 2 or not all(name.strip() for name in self.languages):
            raise InputError(f"--languages must name two, such as English,Korean, and not {','.join(self.languages)}.")


def read_pairs(files: Sequence[Path]) -> Pairs:
    """Read two line-aligned files, or one with a tab in every line.

    Raises
    ------
    InputError
        When a file cannot be read as UTF-8, or its lines are not those of `Pairs.of`.
    """
    if len(files) == 2:
        source, target = (read_lines(file) for file in files)
        return Pairs.of(source, target, (str(files[0]), str(files[1])))
    rows = [line.split("\t") for line in read_lines(files[0])]
    for number, row in enumerate(rows, 1):
        if len(row) != 2:
            raise InputError(
                f"{files[0]}, line {number}: {len(row)} columns. Every line needs two, source and target, with a tab "
                "between them."
            )
    names = tuple(f"{files[0]} ({side})" for side in ("source", "target"))
    return Pairs.of([row[0] for row in rows], [row[1] for row in rows], (names[0], names[1]))
