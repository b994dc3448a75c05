"""Coverage: how many characters of a language have a token of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from vocabx.core.scripts import characters_of_scripts, check_script
from vocabx.core.tokens import TokenTable

__all__ = [
    "Coverage",
    "ScriptCoverage",
    "count_characters",
    "measure_coverage",
    "measure_script_coverage",
    "single_characters",
]

COUNTED = {"Hangul": (0xAC00, 0xD7A4), "Han": (0x4E00, 0xA000)}
"""Scripts of which a part is counted: the syllables, not the jamo in them; the ideographs of the basic block."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Characters of a text that have a token of their own; white space is left out.

    Attributes
    ----------
    distinct, covered_distinct : int
        Different characters of the text, and those that have a token.
    occurrences, covered_occurrences : int
        The same, each character counted as often as it occurs.
    """

    distinct: int
    covered_distinct: int
    occurrences: int
    covered_occurrences: int

    @property
    def distinct_share(self) -> float:
        """Share of the different characters that have a token; nan without any."""
        return self.covered_distinct / self.distinct if self.distinct else float("nan")

    @property
    def occurrence_share(self) -> float:
        """Share of the text's characters that have a token; nan without any."""
        return self.covered_occurrences / self.occurrences if self.occurrences else float("nan")


@dataclass(frozen=True, slots=True)
class ScriptCoverage:
    """Characters of a script that have a token of their own."""

    script: str
    assigned: int
    covered: int

    @property
    def share(self) -> float:
        """Share of the script's characters that have a token."""
        return self.covered / self.assigned


def count_characters(batches: Iterable[Sequence[str]]) -> Counter[str]:
    """Count how often each character occurs in lines of text."""
    characters: Counter[str] = Counter()
    for lines in batches:
        characters.update("".join(lines))
    return characters


def single_characters(tokens: TokenTable) -> frozenset[str]:
    """Return the characters, space aside, that are a text token's surface, with or without a space before them."""
    surfaces = (tokens.surfaces[token].decode() for token in np.flatnonzero(tokens.is_text & tokens.is_complete))
    bare = (surface.removeprefix(" ") for surface in surfaces)
    return frozenset(character for character in bare if len(character) == 1)


def measure_coverage(tokens: TokenTable, characters: Mapping[str, int]) -> Coverage:
    """Compare a vocabulary with the characters of a text, given as `count_characters` returns them.

    The text is taken as it is: a tokenizer that lower-cases has no token for a capital letter.
    """
    own = single_characters(tokens)
    visible = {character: count for character, count in characters.items() if not character.isspace()}
    covered = {character: count for character, count in visible.items() if character in own}
    return Coverage(len(visible), len(covered), sum(visible.values()), sum(covered.values()))


def measure_script_coverage(tokens: TokenTable, script: str) -> ScriptCoverage:
    """Compare a vocabulary with all characters of a script (its Unicode name, as `vocabx.core.scripts` spells it).

    Of Hangul the 11,172 syllables are counted, of Han the 20,992 ideographs of the basic block, of any other script
    every assigned character.
    """
    assigned = _characters_of(script)
    return ScriptCoverage(script, len(assigned), len(assigned & single_characters(tokens)))


@cache
def _characters_of(script: str) -> frozenset[str]:
    codes = np.arange(*COUNTED.get(script, (0, 0x110000)), dtype=np.uint32)
    return frozenset(map(chr, codes[characters_of_scripts(codes, [check_script(script)])]))
