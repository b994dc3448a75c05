"""The lesson: what a corpus and a sample of source text say about what may be learned."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from vocabx.core.errors import TokenizerError
from vocabx.core.scripts import script_shares
from vocabx.tokenizer_tools.extend.candidates import Corpus
from vocabx.tokenizer_tools.extend.guard import SourceSample, read_sample
from vocabx.tokenizer_tools.extend.options import ANY_SCRIPT, ExtensionOptions
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.words import CountedWords, count_words, word_text

__all__ = ["Lesson", "read_lesson"]

LETTERS = re.compile(r"[^\W\d_]{3,}")
USED_SHARE = 0.01
"""A text uses a script when at least this share of its letters belongs to it."""
SHARED_SCRIPT_LIMIT = 0.005
"""Share of source lines that may change where the new language is written in the script of the old one."""


@dataclass(frozen=True)
class Lesson:
    """What is learned from, and what must hold.

    Attributes
    ----------
    corpus : Corpus
    sample : SourceSample
    is_foreign : bool
        Whether every new token of whole characters holds a character that source text is without.
    limit : float
        Share of lines of the sample whose ids may change.
    """

    corpus: Corpus
    sample: SourceSample
    is_foreign: bool
    limit: float


def read_lesson(
    source: FastSegmenter,
    batches: Iterable[Sequence[str]],
    source_lines: Iterable[str],
    options: ExtensionOptions,
    progress: Callable[[str], None] = lambda message: None,
) -> Lesson:
    """Read streamed lines of the new language, and lines of the source language.

    Raises
    ------
    TokenizerError
        When the tokenizer's normaliser leaves nothing of the text.
    """
    words = count_words(
        source, batches, compose=options.compose, progress=lambda lines: progress(f"counting words: {lines:,} lines")
    )
    if not words.words:
        raise TokenizerError("Nothing is left of the corpus after the tokenizer's normaliser. Give other text.")
    sample_lines = list(source_lines)
    scripts, foreign = _choose_scripts(options.scripts, words, sample_lines, source)
    is_foreign = bool(scripts) and scripts == foreign
    limit = options.source_change_limit
    if limit is None:
        limit = 0.0 if is_foreign else SHARED_SCRIPT_LIMIT
    # Words of the sample would fire in text like it. Tokens of a foreign script cannot be among them.
    known = {} if is_foreign or limit == 1 else _lines_of_words(sample_lines)
    sample = read_sample(source, sample_lines, foreign)
    return Lesson(Corpus(source, words, scripts, options, known), sample, is_foreign, limit)


def _choose_scripts(
    wanted: tuple[str, ...] | None, words: CountedWords, sample_lines: Sequence[str], source: FastSegmenter
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the scripts to learn, none for any, and those of them that the sample does not use."""
    known = _used_scripts("".join(sample_lines))
    if wanted is None:
        characters: Counter[str] = Counter()
        for word, count in zip(words.words, words.counts.tolist(), strict=True):
            for character in word_text(word, source.family):
                characters[character] += count
        wanted = tuple(script for script in _used_scripts(characters) if script not in known)
    scripts = () if wanted == (ANY_SCRIPT,) else wanted
    return scripts, tuple(script for script in scripts if script not in known)


def _used_scripts(characters: Mapping[str, int] | str) -> list[str]:
    return [script for script, share in script_shares(characters).items() if share >= USED_SHARE]


def _lines_of_words(lines: Iterable[str]) -> Counter[str]:
    """Collect the runs of letters in a text, without their case, and count the lines that hold each."""
    return Counter(run for line in lines for run in set(LETTERS.findall(line.casefold())))
