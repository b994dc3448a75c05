"""Candidates for new tokens, learned from a corpus."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vocabx.core.arrays import Ints, Ragged
from vocabx.core.errors import TokenizerError
from vocabx.tokenizer_tools.extend.alphabet import missing_characters
from vocabx.tokenizer_tools.extend.append import Appender
from vocabx.tokenizer_tools.extend.filters import Filter, Filtered
from vocabx.tokenizer_tools.extend.guard import count_uses, token_gain
from vocabx.tokenizer_tools.extend.merges import Merge, learn_merges
from vocabx.tokenizer_tools.extend.options import ExtensionOptions
from vocabx.tokenizer_tools.extend.ranking import order_by_formation, rank_by_use
from vocabx.tokenizer_tools.extend.selection import Selection, select
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.words import CountedWords, EncodedWords, encode_words

__all__ = ["Candidates", "Corpus", "LearnedCandidates"]


MANY = 0.01
"""Share of the new tokens from which on missing characters are placed among the others by what they save."""


@dataclass(frozen=True)
class Candidates:
    """What new tokens are chosen from.

    Attributes
    ----------
    loose : tuple of str
        Pieces that are made of nothing.
    merges : tuple of Merge
        In the order of their ranks.
    order : tuple of str, optional
        In which pieces are to be taken; else the loose ones first, then as the merges come.
    is_exhausted : bool
        Whether there are no more.
    filtered : Filtered
        What a filter took away.
    """

    loose: tuple[str, ...]
    merges: tuple[Merge, ...]
    order: tuple[str, ...] | None
    is_exhausted: bool
    filtered: Filtered = field(default_factory=Filtered)


@dataclass(frozen=True)
class Corpus:
    """The new language as a tokenizer sees it, with all characters that occur often enough.

    Attributes
    ----------
    source : FastSegmenter
    words : CountedWords
    scripts : tuple of str
        Scripts of which every new token carries a character; empty when any text may be learned.
    options : ExtensionOptions
    known : mapping of str to int
        Words of the source language, which are not to be learned, and the lines of the sample that hold each.
    """

    source: FastSegmenter
    words: CountedWords
    scripts: tuple[str, ...]
    options: ExtensionOptions
    known: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def filter(self) -> Filter:
        """Says which pieces may not become tokens."""
        return Filter(self.options, self.source.family, self.scripts, self.known)

    @cached_property
    def appender(self) -> Appender:
        """Builds extensions of the source."""
        return Appender(
            self.source,
            reuse_reserved=self.options.reuse_reserved,
            control_tokens=self.options.control_tokens,
        )

    @cached_property
    def characters(self) -> tuple[str, ...]:
        """Pieces of single characters that the source lacks, the most frequent first."""
        found = missing_characters(self.source, self.words, self.scripts, self.options.minimum_frequency)
        refused = self.filter(found).pieces
        return tuple(piece for piece in found if piece not in refused)

    @cached_property
    def closed(self) -> FastSegmenter:
        """The source with all these characters."""
        return self.appender(Selection(self.characters)) if self.characters else self.source

    @cached_property
    def encoded(self) -> EncodedWords:
        """The words that can be spelt, as tokens of `closed`."""
        return encode_words(self.closed, self.words, self.scripts)

    def build(self, pieces: Sequence[str]) -> tuple[FastSegmenter, Ints]:
        """Return an extension by pieces that are made of nothing, and their ids."""
        selection = Selection(tuple(pieces))
        return self.appender(selection), self.appender.ids(selection)

    @property
    def required(self) -> tuple[str, ...]:
        """Characters without which text is lost: all that are missing, where there are no bytes to fall back to."""
        return () if self.source.has_byte_fallback else self.characters

    def select(self, candidates: Candidates, size: int, *, banned: Set[str] = frozenset()) -> Selection:
        """Choose up to `size` pieces that are neither filtered nor banned."""
        return select(
            self.source.tokens,
            self.source.family,
            candidates.merges,
            size=size,
            longest=self.options.longest,
            banned=banned | candidates.filtered.pieces,
            loose=candidates.loose,
            order=candidates.order,
        )

    def gain(self, extended: FastSegmenter, ids: Ints, word_ids: Ragged) -> NDArray[np.float64]:
        """Count the source tokens that each new id saves on the words, which `extended` makes `word_ids` of."""
        made_of = self.source.segment_surfaces(extended.tokens.select(ids)).lengths
        return token_gain(np.maximum(made_of, 1), word_ids, self.encoded.words.counts, ids)

    def rank(self, pieces: Sequence[str]) -> tuple[str, ...]:
        """Order pieces that are made of nothing: characters without which text is lost, then by what they save."""
        return rank_by_use(
            self.build,
            self.encoded.words,
            pieces,
            frozenset(self.source.tokens.pieces),
            size=self.options.size or len(pieces),
            family=self.source.family,
            required=frozenset(self.required),
        )

    def order(self, characters: Sequence[str], merges: Sequence[Merge], refused: Set[str]) -> tuple[str, ...]:
        """Order characters, and what merges make of them and of source tokens, by what they save."""
        everything = select(
            self.source.tokens,
            self.source.family,
            merges,
            size=len(merges) + len(characters),
            longest=self.options.longest,
            banned=frozenset(refused),
            loose=characters,
        )
        extended, ids = self.appender(everything), self.appender.ids(everything)
        words = self.encoded.words
        uses = count_uses(extended.encode_words(words.words), words.counts, ids)
        return order_by_formation(characters, merges, uses, everything)


class LearnedCandidates:
    """Candidates learned by continued BPE."""

    def __init__(self, corpus: Corpus, progress: Callable[[str], None]) -> None:
        self._corpus = corpus
        self._progress = progress

    def __call__(self, count: int) -> Candidates:
        """Return about `count` candidates, or all where there are fewer."""
        corpus, family = self._corpus, self._corpus.source.family
        required = len(corpus.required)
        if corpus.options.size is not None and required > corpus.options.size:
            raise TokenizerError(
                f"The alphabet alone takes {required:,} new tokens, because this {family.value} tokenizer loses every "
                f"character that it has no token for; {corpus.options.size:,} were asked for. Ask for more, or raise "
                f"the minimum frequency (now {corpus.options.minimum_frequency})."
            )
        self._progress(f"learning {count:,} merges from {len(corpus.encoded.words.words):,} distinct words")
        learned = learn_merges(
            corpus.closed.tokens,
            corpus.encoded,
            size=count,
            minimum_frequency=corpus.options.minimum_frequency,
            only_new=bool(corpus.scripts),
            family=family,
        )
        known = frozenset(corpus.closed.tokens.pieces)
        pieces = tuple(dict.fromkeys(merge.result for merge in learned.merges if merge.result not in known))
        filtered = corpus.filter(pieces)
        if family.has_merges:
            # A few characters come first; more of them are worth another segmentation of the corpus.
            is_mixed = corpus.source.has_byte_fallback and len(corpus.characters) > MANY * (corpus.options.size or 0)
            order = corpus.order(corpus.characters, learned.merges, filtered.pieces) if is_mixed else None
            return Candidates(corpus.characters, learned.merges, order, learned.is_exhausted, filtered)
        kept = [piece for piece in pieces if piece not in filtered.pieces]
        self._progress(f"ranking {len(kept):,} candidates")
        ranked = corpus.rank([*corpus.characters, *kept])
        return Candidates(ranked, (), None, learned.is_exhausted, filtered)
