"""Filter candidates: rules that say which pieces may become tokens, and how many each took away."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Set
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from vocabx.core.scripts import characters_of_scripts
from vocabx.core.tokens import is_complete_utf8
from vocabx.tokenizer_tools.extend.options import ExtensionOptions
from vocabx.tokenizer_tools.surfaces import Family, piece_to_surface

__all__ = ["KNOWN_WORD", "Filter", "Filtered"]

Rule = Callable[[str], bool]
KNOWN_WORD = "is a word of the source sample"


@dataclass(frozen=True)
class Filtered:
    """Pieces that were taken away, with the name of the rule that took each."""

    rules: Mapping[str, str] = field(default_factory=dict)

    @property
    def pieces(self) -> Set[str]:
        """The pieces alone."""
        return self.rules.keys()

    @property
    def counts(self) -> Mapping[str, int]:
        """How many pieces each rule took."""
        return dict(Counter(self.rules.values()))

    def taken_by(self, rule: str) -> list[str]:
        """Return the pieces that one rule took."""
        return [piece for piece, name in self.rules.items() if name == rule]

    def __or__(self, other: Filtered) -> Filtered:
        return Filtered({**self.rules, **other.rules})


class Filter:
    """The rules of `options`; a piece is held against each in turn and the first one that refuses it counts.

    `scripts` are those of which a piece must hold a character; `known` are words that must not be learned.

    A piece that is no whole characters is held against none: whether it is needed is known later.
    """

    def __init__(
        self,
        options: ExtensionOptions,
        family: Family,
        scripts: tuple[str, ...] = (),
        known: Collection[str] = frozenset(),
    ) -> None:
        self._family = family
        self._rules: dict[str, Rule] = {f"longer than {options.longest} characters": lambda t: len(t) > options.longest}
        # Every language has its punctuation and digits from the source; more of them would change source text only.
        self._rules["holds no letter"] = lambda text: not any(character.isalpha() for character in text)
        if scripts:
            is_wanted = cache(lambda character: _is_of(character, scripts))
            self._rules[f"without {' or '.join(scripts)}"] = lambda text: not any(map(is_wanted, text))
        if known:
            self._rules[KNOWN_WORD] = lambda text: text.strip().casefold() in known
        if options.exclude is not None:
            self._rules[f"matches {options.exclude}"] = lambda text: bool(re.search(options.exclude or "", text))
        if not options.digits:
            self._rules["holds a digit"] = lambda text: any(character.isdigit() for character in text)
        if not options.punctuation:
            self._rules["holds punctuation"] = lambda text: any(map(_is_punctuation, text))
        if family.marks_spaces:
            self._rules["holds a space that is not its first character"] = lambda text: " " in text[1:]

    def __call__(self, pieces: Iterable[str]) -> Filtered:
        """Return the pieces that may not become tokens."""
        refused = {}
        for piece in pieces:
            surface = piece_to_surface(piece, self._family)
            name = self._refusal(surface.decode()) if is_complete_utf8(surface) else None
            if name is not None:
                refused[piece] = name
        return Filtered(refused)

    def _refusal(self, text: str) -> str | None:
        return next((name for name, refuses in self._rules.items() if refuses(text)), None)


def _is_of(character: str, scripts: tuple[str, ...]) -> bool:
    return bool(characters_of_scripts(np.array([ord(character)], np.uint32), scripts)[0])


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"
