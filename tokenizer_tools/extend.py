"""Extend a byte-level BPE tokenizer with tokens learned from text, and prove each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from vocabx.core.arrays import Ragged
from vocabx.core.errors import TokenizerError
from vocabx.core.scripts import script_shares
from vocabx.tokenizer_tools.extended import ExtendedTokenizer, append_selection
from vocabx.tokenizer_tools.guard import SourceSample, Tradeoff, find_fires, read_sample, token_gain
from vocabx.tokenizer_tools.merges import LearnedMerges, learn_merges
from vocabx.tokenizer_tools.options import ANY_SCRIPT, ExtensionOptions
from vocabx.tokenizer_tools.reachability import find_witnesses
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.selection import Selection, select
from vocabx.tokenizer_tools.surfaces import Family
from vocabx.tokenizer_tools.words import CountedWords, EncodedWords, count_words, encode_words, word_text

__all__ = ["extend_tokenizer"]

USED_SHARE = 0.01
"""A text uses a script when at least this share of its letters belongs to it."""
SPARE = 1.15
"""Merges learned per token wanted: some are incomplete characters that nobody needs, or are dropped later."""


def extend_tokenizer(
    source: FastSegmenter,
    batches: Iterable[Sequence[str]],
    source_lines: Iterable[str],
    options: ExtensionOptions,
    *,
    progress: Callable[[str], None] = lambda message: None,
) -> ExtendedTokenizer:
    """Learn `options.size` tokens from streamed lines on top of a byte-level BPE tokenizer.

    Source merges keep their ranks and new ones follow, so a text changes only where a new merge fires. Tokens that
    change the source sample, and tokens that no text was found to produce, are dropped and others take their place,
    until none is left to drop.

    Raises
    ------
    TokenizerError
        When the base is of another family, or the corpus cannot give that many tokens.
    """
    if source.family is not Family.BYTE_LEVEL:
        raise TokenizerError(
            f"The base has a {source.family.value} tokenizer; only byte-level BPE tokenizers can be extended so far."
        )
    words = count_words(
        source, batches, compose=options.compose, progress=lambda lines: progress(f"counting words: {lines:,} lines")
    )
    sample_lines = list(source_lines)
    scripts, foreign = _choose_scripts(options.scripts, words, sample_lines)
    limit = options.source_change_limit
    search = _Search(
        source=source,
        encoded=encode_words(source, words, scripts),
        sample=read_sample(source, sample_lines, foreign),
        scripts=scripts,
        options=options,
        limit=limit if limit is not None else (0.0 if foreign and foreign == scripts else 0.005),
        progress=progress,
    )
    return search.run()


def _choose_scripts(
    wanted: tuple[str, ...] | None, words: CountedWords, sample_lines: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the scripts to learn, none for any, and those of them that the sample does not use."""
    known = _used_scripts("".join(sample_lines))
    if wanted is None:
        characters: Counter[str] = Counter()
        for word, count in zip(words.words, words.counts.tolist(), strict=True):
            for character in word_text(word):
                characters[character] += count
        wanted = tuple(script for script in _used_scripts(characters) if script not in known)
    scripts = () if wanted == (ANY_SCRIPT,) else wanted
    return scripts, tuple(script for script in scripts if script not in known)


def _used_scripts(characters: Mapping[str, int] | str) -> list[str]:
    return [script for script, share in script_shares(characters).items() if share >= USED_SHARE]


@dataclass
class _Search:
    """Select, build, test, ban; again until nothing is banned."""

    source: FastSegmenter
    encoded: EncodedWords
    sample: SourceSample
    scripts: tuple[str, ...]
    options: ExtensionOptions
    limit: float
    progress: Callable[[str], None]

    def run(self) -> ExtendedTokenizer:
        learned = self._learn(int(self.options.size * SPARE) + 64)
        banned: set[str] = set()
        tradeoffs: Sequence[Tradeoff] = ()
        while True:
            learned, selection = self._select(learned, banned)
            extended = append_selection(self.source, selection)
            self.progress(f"testing {len(selection.pieces):,} new tokens, {len(banned):,} dropped so far")
            words = self.encoded.words.words
            word_ids = extended.encode_words(words)
            to_drop, changed, found = self._guard(extended, selection, word_ids)
            tradeoffs = tradeoffs or found
            first = len(self.source.tokens)
            complete = [first + i for i, p in enumerate(selection.pieces) if p not in selection.needed_by]
            witnesses = find_witnesses(extended, complete, words, word_ids)
            to_drop |= {selection.pieces[token - first] for token in complete if token not in witnesses}
            if not to_drop:
                return ExtendedTokenizer(
                    source=self.source,
                    segmenter=extended,
                    selection=selection,
                    witnesses=witnesses,
                    scripts=self.scripts,
                    sample_lines=self.sample.size,
                    changed_lines=changed,
                    source_change_limit=self.limit,
                    tradeoffs=tuple(tradeoffs),
                    corpus_tokens=(self._count(self.encoded.ids), self._count(word_ids)),
                )
            banned |= to_drop

    def _count(self, ids: Ragged) -> int:
        return int(ids.lengths @ self.encoded.words.counts)

    def _learn(self, merges: int) -> LearnedMerges:
        self.progress(f"learning {merges:,} merges from {len(self.encoded.words.words):,} distinct words")
        return learn_merges(
            self.source.tokens,
            self.encoded,
            size=merges,
            minimum_frequency=self.options.minimum_frequency,
            only_new=bool(self.scripts),
        )

    def _select(self, learned: LearnedMerges, banned: set[str]) -> tuple[LearnedMerges, Selection]:
        while True:
            selection = self._choose(learned, banned, self.options.size)
            if len(selection.pieces) == self.options.size:
                return learned, selection
            if learned.is_exhausted:
                raise self._too_few(
                    len(selection.pieces), len(self._choose(learned, banned, len(learned.merges)).pieces), len(banned)
                )
            learned = self._learn(2 * len(learned.merges))

    def _choose(self, learned: LearnedMerges, banned: set[str], size: int) -> Selection:
        return select(
            self.source.tokens,
            self.source.family,
            learned.merges,
            size=size,
            longest=self.options.longest,
            banned=banned,
        )

    def _too_few(self, chosen: int, available: int, dropped: int) -> TokenizerError:
        if available > self.options.size:
            return TokenizerError(
                f"No choice of new tokens from this corpus makes exactly {self.options.size:,}, because characters "
                f"come with their parts. Ask for {chosen:,}, or for a few more."
            )
        guarded = f" The guard for source text dropped {dropped:,} with all built on them." if dropped else ""
        return TokenizerError(
            f"The corpus gives {available:,} new tokens, not {self.options.size:,}. Ask for fewer, add text, or lower "
            f"the minimum frequency (now {self.options.minimum_frequency}).{guarded}"
        )

    def _guard(
        self, extended: FastSegmenter, selection: Selection, word_ids: Ragged
    ) -> tuple[set[str], int, Sequence[Tradeoff]]:
        first = len(self.source.tokens)
        gain = token_gain(selection, word_ids, self.encoded.words.counts, first)
        fires = find_fires(self.sample, extended, first, selection, gain)
        if fires is None:
            return set(), 0, ()
        kept = fires.keep(self.limit)
        dropped = {root for root, stays in zip(fires.roots, kept, strict=True) if not stays}
        return dropped, fires.changed_lines(kept), fires.tradeoffs()
