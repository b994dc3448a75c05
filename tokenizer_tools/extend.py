"""Extend a byte-level BPE tokenizer with tokens learned from text, and prove each of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vocabx.core.arrays import Ragged
from vocabx.core.errors import InputError, TokenizerError
from vocabx.core.scripts import check_script, script_shares
from vocabx.core.tokens import TokenTable
from vocabx.tokenizer_tools.guard import SourceSample, Tradeoff, find_fires, read_sample
from vocabx.tokenizer_tools.merges import LearnedMerges, learn_merges
from vocabx.tokenizer_tools.reachability import find_witnesses
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.selection import Selection, select
from vocabx.tokenizer_tools.surfaces import Family
from vocabx.tokenizer_tools.words import CountedWords, EncodedWords, count_words, encode_words, word_text

__all__ = ["ANY_SCRIPT", "ExtendedTokenizer", "ExtensionOptions", "extend_tokenizer"]

ANY_SCRIPT = "any"
USED_SHARE = 0.01
"""A text uses a script when at least this share of its letters belongs to it."""
SPARE = 1.15
"""Merges learned per token wanted: some are incomplete characters that nobody needs, or are dropped later."""


@dataclass(frozen=True)
class ExtensionOptions:
    """What may be learned.

    Attributes
    ----------
    size : int
        New tokens, exactly.
    minimum_frequency : int
        A pair of tokens that occurs less often in the corpus is not merged.
    longest : int
        Characters in the longest token, a leading space included.
    scripts : tuple of str, optional
        Unicode scripts of which every new token must carry at least one character; ``("any",)`` allows everything.
        By default the scripts that the corpus uses and the source sample does not, or any when there are none.
    source_change_limit : float, optional
        Share of lines of the source sample whose ids may change. By default 0 when the scripts are new to the
        source language, 0.005 when they are not.
    compose : bool
        Bring the corpus to Unicode NFC, as nearly all Korean text is written.
    """

    size: int
    minimum_frequency: int = 5
    longest: int = 16
    scripts: tuple[str, ...] | None = None
    source_change_limit: float | None = None
    compose: bool = True

    def __post_init__(self) -> None:
        if self.size < 1:
            raise InputError(f"The number of new tokens must be at least 1, got {self.size}.")
        if self.longest < 1 or self.minimum_frequency < 1:
            raise InputError("The longest token and the minimum frequency must be at least 1.")
        if self.source_change_limit is not None and not 0 <= self.source_change_limit <= 1:
            raise InputError(
                f"The limit on changed source lines is a share from 0 to 1, got {self.source_change_limit}."
            )
        if self.scripts is not None and self.scripts != (ANY_SCRIPT,):
            for script in self.scripts:
                check_script(script)


@dataclass(frozen=True)
class ExtendedTokenizer:
    """An extended tokenizer and the evidence that it is sound.

    Attributes
    ----------
    source, segmenter : FastSegmenter
        The base and the extended pipeline.
    selection : Selection
        New pieces, their merges, and what each incomplete piece is needed by.
    witnesses : mapping of int to str
        For each new id of whole characters a text that produces it.
    scripts : tuple of str
        Scripts that new tokens carry; empty when any text could be learned.
    sample_lines, changed_lines : int
        Lines of the source sample, and those whose ids changed.
    source_change_limit : float
    tradeoffs : tuple of Tradeoff
        What other limits would cost; empty when nothing fired on the sample.
    """

    source: FastSegmenter
    segmenter: FastSegmenter
    selection: Selection
    witnesses: Mapping[int, str]
    scripts: tuple[str, ...]
    sample_lines: int
    changed_lines: int
    source_change_limit: float
    tradeoffs: Sequence[Tradeoff] = field(default=())

    @property
    def first_new(self) -> int:
        """The lowest new id."""
        return len(self.source.tokens)

    @property
    def new_tokens(self) -> TokenTable:
        """The table of the new tokens, row 0 for id `first_new`."""
        return self.segmenter.tokens.select(range(self.first_new, self.first_new + len(self.selection.pieces)))


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
            extended = build(self.source, selection)
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
                )
            banned |= to_drop

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
                    len(selection.pieces), len(self._choose(learned, banned, len(learned.merges)).pieces)
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

    def _too_few(self, chosen: int, available: int) -> TokenizerError:
        if available > self.options.size:
            return TokenizerError(
                f"No choice of new tokens from this corpus makes exactly {self.options.size:,}, because characters "
                f"come with their parts. Ask for {chosen:,}, or for a few more."
            )
        return TokenizerError(
            f"The corpus gives {available:,} new tokens, not {self.options.size:,}. Ask for fewer, add text, or lower "
            f"the minimum frequency (now {self.options.minimum_frequency})."
        )

    def _guard(
        self, extended: FastSegmenter, selection: Selection, word_ids: Ragged
    ) -> tuple[set[str], int, Sequence[Tradeoff]]:
        gain = _gain(selection, word_ids, self.encoded.words, len(self.source.tokens))
        fires = find_fires(self.sample, extended, len(self.source.tokens), selection, gain)
        if fires is None:
            return set(), 0, ()
        kept = fires.keep(self.limit)
        dropped = {root for root, stays in zip(fires.roots, kept, strict=True) if not stays}
        return dropped, fires.changed_lines(kept), fires.tradeoffs()


def _gain(
    selection: Selection, word_ids: Ragged, words: CountedWords, first_new: int
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Count the source tokens that each new piece saves on the corpus, shape (N,)."""
    leaves: dict[str, int] = {}
    for piece, merge in selection.parts.items():
        leaves[piece] = leaves.get(merge.left, 1) + leaves.get(merge.right, 1)
    is_new = word_ids.values >= first_new
    counts = np.bincount(
        word_ids.values[is_new] - first_new,
        weights=words.counts[word_ids.row_of_value[is_new]],
        minlength=len(selection.pieces),
    )
    return np.asarray(counts * (np.fromiter(leaves.values(), np.float64, len(leaves)) - 1))


def build(source: FastSegmenter, selection: Selection) -> FastSegmenter:
    """Return the source pipeline with new pieces and merges appended."""
    from tokenizers import Tokenizer

    definition: dict[str, Any] = json.loads(source.backend.to_str())
    model = definition["model"]
    # An added token outside the model's vocabulary is numbered by the vocabulary's size when the file is read,
    # so it must be in the vocabulary to keep its id.
    model["vocab"] |= {added["content"]: added["id"] for added in definition["added_tokens"]}
    first = len(source.tokens)
    model["vocab"] |= {piece: first + i for i, piece in enumerate(selection.pieces)}
    model["merges"] += [[merge.left, merge.right] for merge in selection.merges]
    return FastSegmenter(Tokenizer.from_str(json.dumps(definition, ensure_ascii=False)), source.roles)
