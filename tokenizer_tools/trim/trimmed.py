"""Take out of a tokenizer what a corpus never uses; the corpus keeps its ids, up to their new numbers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from vocabx.core.arrays import Bools, Ints, Ragged
from vocabx.core.errors import TokenizerError
from vocabx.core.tokens import TokenKind
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.surfaces import Family
from vocabx.tokenizer_tools.trim.distinct import DistinctTexts, collect_texts
from vocabx.tokenizer_tools.trim.needed import always_needed, mark_characters, mark_parts, matches_before_failure
from vocabx.tokenizer_tools.trim.renumber import keep_only

__all__ = ["TrimmedTokenizer", "trim_tokenizer"]


@dataclass(frozen=True)
class TrimmedTokenizer:
    """A tokenizer without the tokens that a corpus does not use, and what that costs.

    Attributes
    ----------
    source, segmenter : FastSegmenter
        The base and the trimmed pipeline.
    kept : ndarray of int64, shape (T,)
        Base ids, ascending; the new id i is the base's `kept[i]`.
    reasons : mapping of str to int
        How many tokens stay for which reason; each is counted for the first one that holds, and the sum is T.
    used : int
        Base ids that occur in the corpus.
    corpus_lines : int
    corpus_tokens, trimmed_tokens : int
        What the corpus takes with the base and with the trimmed tokenizer.
    changed_lines : int
        Lines of the corpus in which a rare token fell apart; 0 when the minimum frequency is 1.
    """

    source: FastSegmenter = field(repr=False)
    segmenter: FastSegmenter = field(repr=False)
    kept: Ints = field(repr=False)
    reasons: Mapping[str, int]
    used: int
    corpus_lines: int
    corpus_tokens: int
    trimmed_tokens: int
    changed_lines: int

    @property
    def kept_as_parts(self) -> int:
        """Tokens that stay only because merges pass through them."""
        return self.reasons["parts of these"]

    @cached_property
    def new_ids(self) -> Ints:
        """The new id of each base id, -1 where it is gone, shape (S,)."""
        return _new_ids(self.kept, len(self.source.tokens))


def trim_tokenizer(
    source: FastSegmenter,
    batches: Iterable[Sequence[str]],
    *,
    minimum_frequency: int = 1,
    keep: Collection[int] = (),
    compose: bool = False,
    progress: Callable[[str], None] = lambda message: None,
) -> TrimmedTokenizer:
    """Remove the tokens that occur less than `minimum_frequency` times in streamed lines.

    With a minimum frequency of 1 every line of the corpus keeps its ids, up to `TrimmedTokenizer.kept`. This is
    tested on each distinct text of the corpus.

    Parameters
    ----------
    source : FastSegmenter
        Of any family.
    batches : iterable of sequences of str
        The corpus; it is read once, and only what is distinct in it is held.
    minimum_frequency : int
        Tokens below it go. Text that held them is spelt in other ones.
    keep : collection of int
        Base ids that stay in any case, with the parts that merges build them from.
    compose : bool
        Whether Unicode NFC is applied to the corpus first.
    progress : callable
        Is told what is being done.

    Raises
    ------
    TokenizerError
        When an id to keep does not exist, the model draws its segmentations at random or marks continued words in
        BPE, or the result encodes a text of the corpus differently.

    Notes
    -----
    What stays besides: special and added tokens, single bytes, the mark for a space, the parts through which BPE
    merges pass on their way to a kept token, and, where a character without a token of its own is lost, the single
    characters of the corpus. Slots that the makers reserved go, like any other token that is not used. A character
    that the corpus does not have becomes bytes, or the unknown token where there are none.
    """
    _check(source, keep, minimum_frequency)
    texts = collect_texts(
        source,
        batches,
        compose=compose,
        places=minimum_frequency - 1,
        progress=lambda lines: progress(f"reading: {lines:,} lines"),
    )
    progress(f"encoding {len(texts.counts):,} distinct texts")
    ids = texts.encode(source)
    kept, reasons, used = _choose(source, texts, ids, minimum_frequency, np.array(sorted(keep), np.int64))
    progress(f"testing {len(kept):,} tokens that stay of {len(source.tokens):,}")
    segmenter = keep_only(source, kept)
    trimmed_ids = texts.encode(segmenter)
    new_ids = _new_ids(kept, len(source.tokens))
    is_changed = _differ(Ragged(new_ids[ids.values], ids.starts), trimmed_ids)
    if minimum_frequency == 1 and is_changed.any():
        text = (texts.words + texts.lines)[int(np.argmax(is_changed))]
        raise TokenizerError(f"The tokenizer cannot be trimmed: without unused tokens it encodes {text!r} differently.")
    return TrimmedTokenizer(
        source=source,
        segmenter=segmenter,
        kept=kept,
        reasons=reasons,
        used=used,
        corpus_lines=texts.line_count,
        corpus_tokens=int(ids.lengths @ texts.counts),
        trimmed_tokens=int(trimmed_ids.lengths @ texts.counts),
        changed_lines=len({line for text in np.flatnonzero(is_changed) for line in texts.places[text]}),
    )


def _check(source: FastSegmenter, keep: Collection[int], minimum_frequency: int) -> None:
    model = source.definition["model"]
    if minimum_frequency < 1:
        raise TokenizerError(f"The minimum frequency is {minimum_frequency}; it must be 1 or more.")
    if model.get("dropout"):
        raise TokenizerError("The tokenizer drops merges at random (dropout), so no segmentation of it can be kept.")
    if model["type"] == "BPE" and model["continuing_subword_prefix"]:
        raise TokenizerError("A BPE tokenizer that marks continued words cannot be trimmed.")
    absent = [token for token in keep if not 0 <= token < len(source.tokens)]
    absent += [token for token in keep if token not in absent and source.tokens.kinds[token] == TokenKind.ABSENT]
    if absent:
        raise TokenizerError(f"The tokenizer has no token with the id {absent[0]}, which was to be kept.")


def _choose(
    source: FastSegmenter, texts: DistinctTexts, ids: Ragged, minimum_frequency: int, keep: Ints
) -> tuple[Ints, dict[str, int], int]:
    """Return the ids that stay, how many of them for which reason, and how many the corpus uses."""
    size = len(source.tokens)
    uses = np.bincount(ids.values, weights=texts.counts[ids.row_of_value], minlength=size)
    used = np.flatnonzero(uses)
    asked = np.zeros(size, np.bool_)
    asked[keep] = True
    roots = {
        "frequent in the corpus": uses >= minimum_frequency,
        "special, added or a byte": always_needed(source),
        "asked for": asked,
        "matched in unknown words": _failing(source, texts, ids) >= minimum_frequency,
        "characters of the corpus": mark_characters(source, used),
    }
    so_far = np.logical_or.reduce(list(roots.values()))
    stages = {**roots, "parts of these": mark_parts(source, np.flatnonzero(so_far))}
    taken = np.zeros(size, np.bool_)
    reasons = {}
    for reason, marked in stages.items():
        reasons[reason] = int((marked & ~taken).sum())
        taken |= marked
    return np.flatnonzero(taken), reasons, len(used)


def _failing(source: FastSegmenter, texts: DistinctTexts, ids: Ragged) -> Ints:
    """Count what WordPiece matches in words of the corpus before it gives them up, shape (S,)."""
    uses = np.zeros(len(source.tokens), np.int64)
    if source.family is not Family.WORDPIECE:
        return uses
    unknown = source.backend.token_to_id(source.definition["model"]["unk_token"])
    rows = np.unique(ids.row_of_value[ids.values == unknown])
    for row in rows.tolist():
        is_word = row < len(texts.words)
        words = [texts.words[row]] if is_word else source.plain_words(texts.lines[row - len(texts.words)])
        for found in matches_before_failure(source, words):
            uses[found] += texts.counts[row]
    return uses


def _new_ids(kept: Ints, size: int) -> Ints:
    numbers = np.full(size, -1, np.int64)
    numbers[kept] = np.arange(len(kept))
    return numbers


def _differ(one: Ragged, other: Ragged) -> Bools:
    """Mark the rows that differ, shape (rows,)."""
    differs = one.lengths != other.lengths
    same = ~differs
    left, right = (ragged.values[np.repeat(same, ragged.lengths)] for ragged in (one, other))
    rows = np.repeat(np.flatnonzero(same), one.lengths[same])
    differs[rows[left != right]] = True
    return np.asarray(differs)
