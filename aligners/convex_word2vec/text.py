"""Text: the lines that Word2Vec learns from, mixed or plain, and the words that translate each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vocabx.aligners.convex_word2vec.code_mixing import mix_linked, mix_words, translations
from vocabx.aligners.parallel.linked_text import LinkedText, word_links
from vocabx.aligners.parallel.text import read_parallel
from vocabx.aligners.parallel.words import find_words
from vocabx.aligners.spaces.dictionary import read_dictionary
from vocabx.core.errors import InputError, UnknownNameError
from vocabx.core.transfer import Materials

__all__ = ["TEXTS", "Text", "read_text"]

TEXTS = ("auto", "dictionary", "parallel", "plain")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Text:
    """Lines, those made of one line next to each other, and (source word, target word) with how often it was seen."""

    lines: list[str]
    pairs: Mapping[tuple[str, str], int]


def read_text(
    materials: Materials,
    kind: str,
    share: float,
    most: int,
    generator: np.random.Generator,
    say: Say,
    is_useful: Callable[[Sequence[str]], Sequence[bool]],
) -> Text:
    """Read what the user gave and mix it.

    Parameters
    ----------
    materials : Materials
    kind : str
        ``dictionary``: words of target-language text are replaced by source words and the reverse. ``parallel``: linked
        words and spans of translated lines are exchanged. ``auto``: both, as far as they are given, otherwise plain.
        ``plain``: text as it is.
    share : float
        The chance of a word to be replaced.
    most : int
        Lines of each origin that are used, drawn evenly.
    generator : Generator
    say : callable
    is_useful : callable
        Which target words hold a new token: a dictionary's other words only make text worse.

    Raises
    ------
    InputError
        When what the kind needs was not given.
    """
    if kind not in TEXTS:
        raise UnknownNameError("text", kind, TEXTS)
    _check(materials, kind)
    lines: list[str] = []
    pairs: Counter[tuple[str, str]] = Counter()
    if kind in ("auto", "parallel") and materials.parallel is not None:
        linked = word_links(materials.parallel, say)
        lines += _draw(mix_linked(linked, share, generator), most, generator)
        pairs.update(_linked_pairs(linked))
    if kind in ("auto", "dictionary") and materials.dictionary is not None:
        known = _useful_pairs(materials.dictionary, is_useful, say)
        lines += _mix_by_dictionary(materials, known, share, most, generator)
        pairs.update(known)
    if not lines and kind != "plain":
        if materials.dictionary is not None:
            raise InputError(
                f"No pair of {materials.dictionary} translates a word of the text into new tokens. Give a dictionary "
                "from the source to the target language, in this order, or learn from the text as it is: "
                "--method-option text=plain."
            )
        say("No words were exchanged: new tokens keep what the plain text says of them.")
    if not lines:
        lines = _plain(materials, most, generator)
    say(f"{len(lines):,} lines to learn from")
    return Text(lines, pairs)


def _check(materials: Materials, kind: str) -> None:
    has_text = materials.corpus is not None or materials.parallel is not None
    if kind == "parallel" and materials.parallel is None:
        raise InputError("text=parallel needs translated lines, and none were given. Give them, or take text=auto.")
    if kind == "dictionary" and (materials.dictionary is None or not has_text):
        raise InputError("text=dictionary needs a dictionary and text to mix. Give both, or take text=auto.")
    if not has_text:
        raise InputError(
            "Constrained Word2Vec learns from text, and there is none. Give translated lines, or a corpus, best with a "
            "dictionary."
        )


def _useful_pairs(path: Path, is_useful: Callable[[Sequence[str]], Sequence[bool]], say: Say) -> list[tuple[str, str]]:
    pairs = read_dictionary(path).pairs
    kept = is_useful([target for _, target in pairs])
    say(f"{sum(kept):,} of {len(pairs):,} pairs of the dictionary have a new token")
    return [pair for pair, is_kept in zip(pairs, kept, strict=True) if is_kept]


def _mix_by_dictionary(
    materials: Materials,
    known: Sequence[tuple[str, str]],
    share: float,
    most: int,
    generator: np.random.Generator,
) -> list[str]:
    to_target, to_source = translations(known), translations((target, source) for source, target in known)
    target, source = _lines(materials, most, generator)
    mixed = list(mix_words(target, find_words, to_source, share, generator, endings=True))
    return mixed + list(mix_words(source, find_words, to_target, share, generator))


def _plain(materials: Materials, most: int, generator: np.random.Generator) -> list[str]:
    target, source = _lines(materials, most, generator)
    return target + source


def _lines(materials: Materials, most: int, generator: np.random.Generator) -> tuple[list[str], list[str]]:
    """Return lines in the target and in the source language."""
    target = materials.corpus.lines() if materials.corpus is not None else iter(())
    source = materials.source_corpus.lines() if materials.source_corpus is not None else iter(())
    if materials.parallel is not None:
        pairs = read_parallel(materials.parallel)
        target = iter([*target, *pairs.target]) if materials.corpus is None else target
        source = iter(pairs.source) if materials.source_corpus is None else source
    return _draw(target, most, generator), _draw(source, most, generator)


def _draw(lines: Iterable[str], most: int, generator: np.random.Generator) -> list[str]:
    """Keep at most so many lines, each with the same chance, in their order."""
    kept: list[tuple[int, str]] = []
    for number, line in enumerate(lines):
        if number < most:
            kept.append((number, line))
        elif (place := int(generator.integers(number + 1))) < most:
            kept[place] = (number, line)
    return [line for _, line in sorted(kept)]


def _linked_pairs(linked: LinkedText) -> Iterable[tuple[str, str]]:
    for number, links in enumerate(linked.links):
        source, target = linked.source_words[number], linked.target_words[number]
        yield from ((source[i], target[j]) for i, j in links.tolist())
