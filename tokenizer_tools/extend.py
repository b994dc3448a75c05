"""Extend a tokenizer with tokens learned from text or taken from another tokenizer, and prove each of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from vocabx.core.arrays import Ints, Ragged
from vocabx.core.errors import TokenizerError
from vocabx.core.scripts import script_shares
from vocabx.tokenizer_tools.candidates import Candidates, Corpus, LearnedCandidates
from vocabx.tokenizer_tools.donor import DonorCandidates
from vocabx.tokenizer_tools.extended import ExtendedTokenizer
from vocabx.tokenizer_tools.filters import KNOWN_WORD, Filtered
from vocabx.tokenizer_tools.guard import Fires, SourceSample, find_fires, read_sample, token_gain
from vocabx.tokenizer_tools.options import ANY_SCRIPT, ExtensionOptions
from vocabx.tokenizer_tools.reachability import find_witnesses
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.selection import Selection, select
from vocabx.tokenizer_tools.surfaces import piece_to_surface
from vocabx.tokenizer_tools.words import CountedWords, count_words, word_text

__all__ = ["extend_tokenizer"]

LETTERS = re.compile(r"[^\W\d_]{3,}")
USED_SHARE = 0.01
"""A text uses a script when at least this share of its letters belongs to it."""
SPARE = {True: 1.15, False: 1.6}
"""Merges learned per token wanted, in families with merges and without: some are incomplete characters that nobody
needs, or are dropped later; where tokens need no parts, the best are chosen from more."""
UNREACHABLE = "no text produces them"
UNWANTED = "they change source text"


def extend_tokenizer(
    source: FastSegmenter,
    batches: Iterable[Sequence[str]],
    source_lines: Iterable[str],
    options: ExtensionOptions,
    *,
    donor: FastSegmenter | None = None,
    progress: Callable[[str], None] = lambda message: None,
) -> ExtendedTokenizer:
    """Add `options.size` tokens, learned from streamed lines or taken from a donor, to a tokenizer.

    What the source does comes first and new tokens join its tokens, so a text changes only where a new token stands;
    see `Appender` for how each family gets there. Tokens that change the source sample, and tokens that no text was
    found to produce, are dropped and others take their place, until none is left to drop.

    Raises
    ------
    TokenizerError
        When the corpus or the donor cannot give that many tokens.
    """
    words = count_words(
        source, batches, compose=options.compose, progress=lambda lines: progress(f"counting words: {lines:,} lines")
    )
    if not words.words:
        raise TokenizerError("Nothing is left of the corpus after the tokenizer's normaliser. Give other text.")
    sample_lines = list(source_lines)
    scripts, foreign = _choose_scripts(options.scripts, words, sample_lines, source)
    is_foreign = bool(scripts) and scripts == foreign
    for token in options.control_tokens:
        if source.backend.token_to_id(token) is not None:
            raise TokenizerError(f"The base has the token {token} already.")
    limit = options.source_change_limit
    if limit is None:
        limit = 0.0 if is_foreign else 0.005
    # Words of the sample would fire in text like it. Tokens of a foreign script cannot be among them.
    known = Counter() if is_foreign or limit == 1 else _words_of(sample_lines)
    corpus = Corpus(source, words, scripts, options, known)
    search = _Search(
        corpus=corpus,
        supply=LearnedCandidates(corpus, progress) if donor is None else DonorCandidates(corpus, donor, progress),
        sample=read_sample(source, sample_lines, foreign),
        limit=limit,
        progress=progress,
    )
    return search.run()


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


def _words_of(lines: Iterable[str]) -> Counter[str]:
    """Collect the runs of letters in a text, without their case, and count the lines that hold each."""
    return Counter(run for line in lines for run in set(LETTERS.findall(line.casefold())))


@dataclass
class _Search:
    """Select, build, test, ban; again until nothing is banned."""

    corpus: Corpus
    supply: Callable[[int], Candidates]
    sample: SourceSample
    limit: float
    progress: Callable[[str], None]
    banned: dict[str, str] = field(default_factory=dict)
    """Pieces that were dropped, and why."""

    def run(self) -> ExtendedTokenizer:
        options, source = self.corpus.options, self.corpus.source
        candidates = self.supply(int((options.size or 0) * SPARE[source.family.has_merges]) + 64)
        first_fires: Fires | None = None
        while True:
            candidates, selection = self._select(candidates)
            extended, new_ids = self.corpus.appender(selection), self.corpus.appender.ids(selection)
            self.progress(f"testing {len(selection.pieces):,} new tokens, {len(self.banned):,} dropped so far")
            words = self.corpus.encoded.words
            word_ids = extended.encode_words(words.words)
            fires = self._find_fires(extended, selection, new_ids, word_ids)
            first_fires = first_fires or fires
            kept = fires.keep(self.limit) if fires else np.zeros(0, np.bool_)
            unwanted = [root for root, stays in zip(fires.roots if fires else (), kept, strict=True) if not stays]
            piece_of = dict(zip(new_ids.tolist(), selection.pieces, strict=True))
            complete = [token for token, piece in piece_of.items() if piece not in selection.needed_by]
            witnesses = find_witnesses(extended, complete, words.words, word_ids)
            unreachable = {piece_of[token]: UNREACHABLE for token in complete if token not in witnesses}
            if not unwanted and not unreachable:
                control_ids = self.corpus.appender.control_ids(selection)
                return ExtendedTokenizer(
                    source=source,
                    segmenter=extended,
                    selection=selection,
                    new_ids=np.concatenate([new_ids, control_ids]),
                    witnesses=witnesses | dict(zip(control_ids.tolist(), options.control_tokens, strict=True)),
                    scripts=self.corpus.scripts,
                    sample_lines=self.sample.size,
                    changed_lines=fires.changed_lines(kept) if fires else 0,
                    source_change_limit=self.limit,
                    unseen_share=self._unseen_share(first_fires, candidates.filtered),
                    tradeoffs=tuple(first_fires.tradeoffs()) if first_fires else (),
                    corpus_tokens=self._count_tokens(word_ids),
                    filtered=candidates.filtered.counts,
                    dropped=dict(Counter(self.banned.values())),
                )
            self.banned |= unreachable | dict.fromkeys(unwanted, UNWANTED)

    def _unseen_share(self, fires: Fires | None, filtered: Filtered) -> float:
        """Estimate what the sample does not show; words refused because they are in it are part of what it shows."""
        surfaces = (piece_to_surface(piece, self.corpus.source.family) for piece in filtered.taken_by(KNOWN_WORD))
        refused = {surface.decode().strip().casefold() for surface in surfaces}
        once = sum(self.corpus.known[word] == 1 for word in refused)
        return (fires.unseen_share if fires else 0.0) + (once / self.sample.size if once else 0.0)

    def _count_tokens(self, after: Ragged) -> tuple[int, int]:
        words = self.corpus.encoded.words
        before = (
            self.corpus.encoded.ids
            if self.corpus.closed is self.corpus.source
            else self.corpus.source.encode_words(words.words)
        )
        return int(before.lengths @ words.counts), int(after.lengths @ words.counts)

    def _select(self, candidates: Candidates) -> tuple[Candidates, Selection]:
        size = self.corpus.options.size
        while True:
            everything = len(candidates.loose) + len(candidates.merges)
            selection = self._choose(candidates, everything if size is None else size)
            if selection.pieces and size in (None, len(selection.pieces)):
                return candidates, selection
            if candidates.is_exhausted:
                available = len(self._choose(candidates, everything).pieces)
                raise self._too_few(len(selection.pieces), available, len(self.banned))
            candidates = self.supply(2 * everything)

    def _choose(self, candidates: Candidates, size: int) -> Selection:
        return select(
            self.corpus.source.tokens,
            self.corpus.source.family,
            candidates.merges,
            size=size,
            longest=self.corpus.options.longest,
            banned=self.banned.keys() | candidates.filtered.pieces,
            loose=candidates.loose,
            order=candidates.order,
        )

    def _too_few(self, chosen: int, available: int, dropped: int) -> TokenizerError:
        wanted = self.corpus.options.size or 1
        if available > wanted:
            return TokenizerError(
                f"No choice of new tokens from this corpus makes exactly {wanted:,}, because characters come with "
                f"their parts. Ask for {chosen:,}, or for a few more."
            )
        guarded = f" {dropped:,} were dropped with all built on them." if dropped else ""
        return TokenizerError(
            f"The corpus gives {available:,} new tokens, not {wanted:,}. Ask for fewer, add text, or lower the minimum "
            f"frequency (now {self.corpus.options.minimum_frequency}).{guarded}"
        )

    def _find_fires(
        self, extended: FastSegmenter, selection: Selection, new_ids: Ints, word_ids: Ragged
    ) -> Fires | None:
        made_of = self.corpus.source.segment_surfaces(extended.tokens.select(new_ids)).lengths
        gain = token_gain(np.maximum(made_of, 1), word_ids, self.corpus.encoded.words.counts, new_ids)
        return find_fires(self.sample, extended, new_ids, selection, gain)
