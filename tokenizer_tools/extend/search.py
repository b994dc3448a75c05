"""Extend a tokenizer with tokens learned from text or taken from another tokenizer, and prove each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from vocabx.core.arrays import Ints, Ragged
from vocabx.core.collection import paused_collection
from vocabx.core.errors import TokenizerError
from vocabx.tokenizer_tools.extend.candidates import Candidates, Corpus, LearnedCandidates
from vocabx.tokenizer_tools.extend.donor import DonorCandidates
from vocabx.tokenizer_tools.extend.extended import ExtendedTokenizer
from vocabx.tokenizer_tools.extend.filters import KNOWN_WORD, Filtered
from vocabx.tokenizer_tools.extend.guard import Fires, SourceSample, find_fires
from vocabx.tokenizer_tools.extend.lesson import read_lesson
from vocabx.tokenizer_tools.extend.options import ExtensionOptions
from vocabx.tokenizer_tools.extend.selection import Selection
from vocabx.tokenizer_tools.reachability import find_witnesses
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.surfaces import piece_to_surface

__all__ = ["SPARE", "extend_tokenizer"]

SPARE = {True: 1.15, False: 1.6}
"""Merges learned per token wanted, in families with merges and without: some are incomplete characters that nobody
needs, or are dropped later; where tokens need no parts, the best are chosen from more."""
UNREACHABLE = "no text was found that produces them"
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
    with paused_collection():  # a fifth of the time goes into it otherwise
        for token in options.control_tokens:
            if source.backend.token_to_id(token) is not None:
                raise TokenizerError(f"The base has the token {token} already.")
        lesson = read_lesson(source, batches, source_lines, options, progress)
        corpus = lesson.corpus
        search = _Search(
            corpus=corpus,
            supply=LearnedCandidates(corpus, progress) if donor is None else DonorCandidates(corpus, donor, progress),
            sample=lesson.sample,
            limit=lesson.limit,
            is_merge=donor is not None,
            progress=progress,
        )
        return search.run()


@dataclass
class _Search:
    """Select, build, test, ban; again until nothing is banned."""

    corpus: Corpus
    supply: Callable[[int], Candidates]
    sample: SourceSample
    limit: float
    is_merge: bool
    """Whether the candidates are another tokenizer's."""
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
            unseen_share = self._unseen_share(first_fires, candidates.filtered)
            # What the sample does not show is taken off what may change in it, so that the limit holds elsewhere.
            allowed = max(0.0, self.limit - unseen_share) if self.limit < 1 else 1.0
            kept = fires.keep(allowed) if fires else np.zeros(0, np.bool_)
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
                    unseen_share=unseen_share,
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
        corpus, words = self.corpus, self.corpus.encoded.words
        before = corpus.encoded.ids.lengths
        if corpus.characters and corpus.source.has_byte_fallback:
            # The source spells each of these characters in bytes and joins them with nothing.
            is_character = np.isin(corpus.encoded.ids.values, corpus.appender.ids(Selection(corpus.characters)))
            sizes = corpus.closed.tokens.surface_lengths[corpus.encoded.ids.values]
            rows = corpus.encoded.ids.row_of_value[is_character]
            more = np.bincount(rows, weights=sizes[is_character] - 1, minlength=len(before))
            before = before + more.astype(np.int64)
        elif corpus.characters:
            before = corpus.source.encode_words(words.words).lengths
        return int(before @ words.counts), int(after.lengths @ words.counts)

    def _select(self, candidates: Candidates) -> tuple[Candidates, Selection]:
        size = self.corpus.options.size
        while True:
            everything = len(candidates.loose) + len(candidates.merges)
            selection = self._choose(candidates, everything if size is None else size)
            if selection.pieces and size in (None, len(selection.pieces)):
                return candidates, selection
            if candidates.is_exhausted:
                available = len(self._choose(candidates, everything).pieces)
                raise self._too_few(len(selection.pieces), available, len(self.banned), candidates.filtered)
            candidates = self.supply(2 * everything)

    def _choose(self, candidates: Candidates, size: int) -> Selection:
        return self.corpus.select(candidates, size, banned=self.banned.keys())

    def _too_few(self, chosen: int, available: int, dropped: int, filtered: Filtered) -> TokenizerError:
        wanted = self.corpus.options.size or 1
        if available > wanted:
            return TokenizerError(
                f"No choice of new tokens from this corpus makes exactly {wanted:,}, because characters come with "
                f"their parts. Ask for {chosen:,}, or for a few more."
            )
        if self.is_merge:
            return TokenizerError(
                f"The other tokenizer gives {available:,} new tokens, not {wanted:,}, that can be reached and that the "
                "filter lets through. Ask for fewer, or leave the size out to take all."
            )
        taken = "".join(f" {count:,} were filtered: {rule}." for rule, count in filtered.counts.items())
        guarded = f" {dropped:,} were dropped with all built on them." if dropped else ""
        return TokenizerError(
            f"The corpus gives {available:,} new tokens, not {wanted:,}. Ask for fewer, add text, or lower the minimum "
            f"frequency (now {self.corpus.options.minimum_frequency}).{taken}{guarded}"
        )

    def _find_fires(
        self, extended: FastSegmenter, selection: Selection, new_ids: Ints, word_ids: Ragged
    ) -> Fires | None:
        gain = self.corpus.gain(extended, new_ids, word_ids)
        return find_fires(self.sample, extended, new_ids, selection, gain)
