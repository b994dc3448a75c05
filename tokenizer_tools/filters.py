"""Filter candidates: rules that say which pieces may become tokens, and how many each took away."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from vocabx.core.scripts import characters_of_scripts
from vocabx.core.tokens import is_complete_utf8
from vocabx.tokenizer_tools.options import ExtensionOptions
from vocabx.tokenizer_tools.surfaces import Family, piece_to_surface

__all__ = ["Filter", "Filtered"]

Rule = Callable[[str], bool]


@dataclass(frozen=True)
class Filtered:
    """Pieces that were taken away, and how many each rule took, by its name."""

    pieces: frozenset[str] = frozenset()
    counts: Mapping[str, int] = field(default_factory=dict)


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
            self._rules[f"without {' or '.join(scripts)}"] = lambda text: not _holds(text, scripts)
        if known:
            self._rules["is a word of the source sample"] = lambda text: text.strip().casefold() in known
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
        counts: Counter[str] = Counter()
        refused = set()
        for piece in pieces:
            surface = piece_to_surface(piece, self._family)
            name = self._refusal(surface.decode()) if is_complete_utf8(surface) else None
            if name is not None:
                counts[name] += 1
                refused.add(piece)
        return Filtered(frozenset(refused), dict(counts))

    def _refusal(self, text: str) -> str | None:
        return next((name for name, refuses in self._rules.items() if refuses(text)), None)


def _holds(text: str, scripts: tuple[str, ...]) -> bool:
    codes = np.fromiter(map(ord, text), np.uint32, len(text))
    return bool(characters_of_scripts(codes, scripts).any())


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"
