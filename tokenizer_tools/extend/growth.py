"""A tokenizer at every size: candidates are learned once, and each size takes the first of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from vocabx.core.errors import TokenizerError
from vocabx.tokenizer_tools.extend.candidates import Candidates, Corpus, LearnedCandidates
from vocabx.tokenizer_tools.extend.guard import SourceSample, find_fires
from vocabx.tokenizer_tools.extend.lesson import read_lesson
from vocabx.tokenizer_tools.extend.options import ExtensionOptions
from vocabx.tokenizer_tools.extend.search import SPARE
from vocabx.tokenizer_tools.extend.selection import Selection
from vocabx.tokenizer_tools.read import FastSegmenter

__all__ = ["Growth", "GuardedSize", "learn_growth", "size_grid"]

STEPS = 12
"""Half doublings between the smallest and the largest size of a grid."""
RANGE = 2 ** (STEPS // 2)
NARROW = 8
"""Where the corpus gives less than so many times the smallest size, ranking starts again from a smaller one."""


def size_grid(smallest: int, largest: int) -> tuple[int, ...]:
    """Return sizes in steps of the square root of two up to `largest`, each but the ends rounded to two digits.

    >>> size_grid(1, 32000)
    (500, 710, 1000, 1400, 2000, 2800, 4000, 5700, 8000, 11000, 16000, 23000, 32000)
    >>> size_grid(300, 1000)
    (300, 350, 500, 710, 1000)
    """
    steps = (largest * 2 ** (-step / 2) for step in range(STEPS, 0, -1))
    rounded = [int(float(f"{size:.2g}")) for size in steps]
    lowest = [smallest] if smallest >= rounded[0] else []
    return tuple(sorted({*lowest, *(size for size in rounded if smallest <= size < largest and size), largest}))


@dataclass(frozen=True, slots=True)
class GuardedSize:
    """What the guard would do at one size.

    Attributes
    ----------
    size : int
        New tokens.
    limit : float
        Share of lines of the source sample that may change.
    sample_lines, changed_lines, kept_changed_lines : int
        Lines of the sample, those that change, and those that still change when the guard is done.
    dropped_roots : int
        First merges that the guard drops with all built on them.
    kept_gain : float
        Share of the tokens saved on the corpus that stays, before other tokens take the place of those dropped.
    """

    size: int
    limit: float
    sample_lines: int
    changed_lines: int = 0
    kept_changed_lines: int = 0
    dropped_roots: int = 0
    kept_gain: float = 1.0


@dataclass(frozen=True)
class Growth:
    """All extensions of one tokenizer by the first of the same candidates.

    Attributes
    ----------
    corpus : Corpus
        What was learned from.
    candidates : Candidates
    smallest, largest : int
        New tokens at least, because an alphabet must be whole, and at most.
    sample : SourceSample
    is_foreign : bool
        Whether every new token of whole characters holds a character that source text is without.
    limit : float
        The guard's.
    """

    corpus: Corpus
    candidates: Candidates = field(repr=False)
    smallest: int
    largest: int
    sample: SourceSample = field(repr=False)
    is_foreign: bool
    limit: float

    @property
    def source(self) -> FastSegmenter:
        """The tokenizer that grows."""
        return self.corpus.source

    def selection(self, size: int) -> Selection:
        """Return the pieces of an extension by up to `size` tokens."""
        return self.corpus.select(self.candidates, size)

    def guard(self, size: int) -> GuardedSize:
        """Run the guard on one size, once: tokens that would take the place of dropped ones are not tried."""
        selection = self.selection(size)
        extended, ids = self.corpus.appender(selection), self.corpus.appender.ids(selection)
        fires = find_fires(self.sample, extended, ids, selection, np.zeros(len(ids)))
        if fires is None:
            return GuardedSize(len(ids), self.limit, self.sample.size)
        gain = self.corpus.gain(extended, ids, extended.encode_words(self.corpus.encoded.words.words))
        kept = fires.keep(self.limit) if self.limit else np.zeros(len(fires.roots), np.bool_)
        survives = (fires.needs @ (~kept).astype(np.int64)) == 0
        return GuardedSize(
            size=len(ids),
            limit=self.limit,
            sample_lines=self.sample.size,
            changed_lines=fires.changed_lines(np.ones(len(fires.roots), np.bool_)),
            kept_changed_lines=fires.changed_lines(kept),
            dropped_roots=int((~kept).sum()),
            kept_gain=float(gain[survives].sum() / gain.sum()) if gain.sum() else 1.0,
        )


def learn_growth(
    source: FastSegmenter,
    batches: Iterable[Sequence[str]],
    source_lines: Iterable[str],
    options: ExtensionOptions,
    *,
    progress: Callable[[str], None] = lambda message: None,
) -> Growth:
    """Learn candidates for up to `options.size` new tokens, or as many as the corpus gives.

    At each size the pieces are those of `extend_tokenizer` before anything is dropped: the same where merges decide,
    because merges are learned in the same order whatever the size, and nearly the same where pieces are ranked, because
    there the ranking starts with more of them.

    Raises
    ------
    TokenizerError
        When the corpus gives nothing, or its alphabet alone is larger than `options.size`.
    """
    lesson = read_lesson(source, batches, source_lines, options, progress)
    corpus, candidates, largest = _learn(lesson.corpus, progress)
    return Growth(
        corpus=corpus,
        candidates=candidates,
        smallest=min(_smallest(corpus), largest),
        largest=largest,
        sample=lesson.sample,
        is_foreign=lesson.is_foreign,
        limit=lesson.limit,
    )


def _smallest(corpus: Corpus) -> int:
    """Return the least size that the candidates of a corpus are in order for."""
    ranked = 1 if corpus.source.family.has_merges else corpus.options.size or 1
    return max(ranked, len(corpus.required))


def _learn(corpus: Corpus, progress: Callable[[str], None]) -> tuple[Corpus, Candidates, int]:
    """Return the corpus as it was learned from, the candidates, and how many tokens they give."""
    wanted, has_merges = corpus.options.size or 1, corpus.source.family.has_merges
    required = len(corpus.required)
    # Ranking for the smallest size orders the pieces for all: what it drops last comes next.
    smallest = min(max(required, wanted // RANGE, 1), wanted)
    corpus = replace(corpus, options=replace(corpus.options, size=smallest))
    supply = LearnedCandidates(corpus, progress)
    candidates = supply(int(wanted * SPARE[has_merges]) + 64)
    while True:
        given = len(corpus.select(candidates, wanted).pieces)
        if given == wanted or candidates.is_exhausted:
            break
        candidates = supply(2 * (len(candidates.loose) + len(candidates.merges)))
    if not given:
        raise TokenizerError(
            "The corpus gives no new token. Add text, or lower the minimum frequency "
            f"(now {corpus.options.minimum_frequency})."
        )
    if not has_merges and required < smallest and given < min(NARROW * smallest, wanted):
        return _learn(replace(corpus, options=replace(corpus.options, size=given)), progress)
    return corpus, candidates, given
