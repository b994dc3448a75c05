"""What speed is measured on: texts that are drawn from files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vocabx.core.corpus import Corpus
from vocabx.core.errors import InputError

__all__ = ["CHARACTERS", "SpeedRequest"]

CHARACTERS = 400
"""How much of each text is taken, unless a context is shorter or the user says otherwise."""


@dataclass(frozen=True, slots=True)
class SpeedRequest:
    """What is measured, and how often.

    Attributes
    ----------
    text : Path
        File, directory or pattern, with a text a line, or a record of JSONL or Parquet.
    limit, minimum_characters : int
        How many texts are drawn, and how long each must be at least.
    characters : int, optional
        How much of the beginning of each is taken. By default `CHARACTERS`, or less where a model's context holds less.
    batch_size, repeats : int
        As in `measure_speeds`.
    seed : int
        Of the drawing.
    """

    text: Path
    limit: int = 30
    characters: int | None = None
    minimum_characters: int = 100
    batch_size: int = 1
    repeats: int = 3
    seed: int = 0

    @property
    def corpus(self) -> Corpus:
        """The files of the text."""
        return Corpus.open([self.text])

    @property
    def most_characters(self) -> int:
        """How much of each text is taken where every context holds that."""
        return CHARACTERS if self.characters is None else self.characters

    def draw(self, characters: int | None = None) -> list[str]:
        """Return the texts in the order of the file, fewer where it has fewer; or as for another `characters`.

        Raises
        ------
        InputError
            When the file cannot be read, or has no text that is long enough; or when a number is not positive.
        """
        most = self.most_characters if characters is None else characters
        numbers = {"limit": self.limit, "characters": most, "minimum-characters": self.minimum_characters}
        for option, number in numbers.items():
            if number < 1:
                raise InputError(f"--{option} is {number}, and it must be at least 1.")
        found = dict.fromkeys(
            line.strip()[:most]
            for line in self.corpus.lines()
            if len(line.strip()) >= min(self.minimum_characters, most)
        )
        if not found:
            raise InputError(
                f"{self.text} has no line of {self.minimum_characters} characters. Allow shorter ones with "
                "--minimum-characters."
            )
        texts = list(found)
        count = min(self.limit, len(texts))
        drawn = np.random.default_rng(self.seed).choice(len(texts), count, replace=False)
        return [texts[index] for index in sorted(drawn)]
