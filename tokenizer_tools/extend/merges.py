"""Continued BPE: merges over the source vocabulary, learned by the fast trainer.

Every distinct word is written as a string with one Unicode scalar value per source id, and the `BpeTrainer` of the
`tokenizers` library learns on those strings. The merges it finds, mapped back, are merges of source pieces.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from vocabx.core.arrays import Bools, Ints
from vocabx.core.errors import TokenizerError
from vocabx.core.tokens import TokenTable
from vocabx.tokenizer_tools.surfaces import Family, join_pieces
from vocabx.tokenizer_tools.words import EncodedWords

__all__ = ["LearnedMerges", "Merge", "learn_merges"]

SPACE = 0x20
COPIES_PER_STRING = 4096


@dataclass(frozen=True, slots=True)
class Merge:
    """Two pieces that become one; `result` is how that one is spelt, their join unless something else is given."""

    left: str
    right: str
    result: str = ""

    def __post_init__(self) -> None:
        if not self.result:
            object.__setattr__(self, "result", self.left + self.right)


@dataclass(frozen=True)
class LearnedMerges:
    """Merges in the order they were learned; `is_exhausted` when the text had no more to give."""

    merges: tuple[Merge, ...]
    is_exhausted: bool


def learn_merges(
    source: TokenTable,
    encoded: EncodedWords,
    *,
    size: int,
    minimum_frequency: int,
    only_new: bool,
    family: Family = Family.BYTE_LEVEL,
) -> LearnedMerges:
    """Continue BPE on the source ids of counted words.

    Parameters
    ----------
    source : TokenTable
        Of the tokenizer that made the ids.
    encoded : EncodedWords
    size : int
        How many merges to learn at most.
    minimum_frequency : int
        A pair seen less often is not merged.
    only_new : bool
        Cut each word between two tokens neither of which holds a byte of a wanted script, so that every merge
        learned takes in such a byte. Source merges run before any new one, hence text without these scripts can
        only change where incomplete characters of it meet such a merge.
    family : Family
        Says how pieces are joined.

    Raises
    ------
    TokenizerError
        When no word has two tokens to merge.
    """
    strings = _Strings.build(encoded, only_new=only_new)
    if not strings.counts.size:
        raise TokenizerError(
            "The corpus has nothing to learn from: no word of the wanted scripts takes more than one token of the base."
        )
    learned = _train(strings, size, minimum_frequency)
    piece_of = {chr(scalar): source.pieces[token] for token, scalar in strings.scalar_of_id.items()}
    spelt: dict[str, str] = {}

    def spell(scalars: str) -> str:
        if scalars not in spelt:
            pieces = map(piece_of.__getitem__, scalars)
            spelt[scalars] = reduce(lambda left, right: join_pieces(left, right, family), pieces)
        return spelt[scalars]

    merges = tuple(Merge(spell(left), spell(right), spell(left + right)) for left, right in learned)
    return LearnedMerges(merges, is_exhausted=len(merges) < size)


@dataclass(frozen=True)
class _Strings:
    """Words as strings of scalar values: word i is `texts[i]`, seen `counts[i]` times; a space cuts it."""

    texts: list[str]
    counts: Ints
    scalar_of_id: dict[int, int]

    @classmethod
    def build(cls, encoded: EncodedWords, *, only_new: bool) -> _Strings:
        ids, rows = encoded.ids.values, encoded.ids.row_of_value
        same_word = (rows[1:] == rows[:-1]) & ~encoded.begins_run[1:]
        joins = same_word & (encoded.is_new[1:] | encoded.is_new[:-1]) if only_new else same_word
        opens_part, ends_part = np.ones((2, len(ids)), np.bool_)
        opens_part[1:] = ~joins
        ends_part[:-1] = ~joins
        kept = ~(opens_part & ends_part)  # a token alone between two cuts takes part in no merge
        scalar_of_id = _assign_scalars(ids[kept], encoded.words.counts[rows[kept]])
        lookup = np.zeros(int(ids.max(initial=0)) + 1, np.uint32)
        lookup[list(scalar_of_id)] = list(scalar_of_id.values())
        opens_word = np.diff(rows[kept], prepend=-1) != 0
        texts = _join(lookup[ids[kept]], opens_part[kept], opens_word)
        return cls(texts, encoded.words.counts[rows[kept][opens_word]], scalar_of_id)

    def repeated(self) -> Iterator[str]:
        """Yield each word as often as it was counted, many to a string."""
        for text, count in zip(self.texts, self.counts.tolist(), strict=True):
            whole, rest = divmod(count, COPIES_PER_STRING)
            for _ in range(whole):
                yield text * COPIES_PER_STRING
            if rest:
                yield text * rest


def _join(scalars: NDArray[np.uint32], cut_before: Bools, opens_word: Bools) -> list[str]:
    """Write scalars as one string per word, a space before every part and a line break before every word."""
    extra = cut_before.astype(np.int64) + opens_word
    places = np.arange(len(scalars)) + np.cumsum(extra)
    characters = np.full(len(scalars) + int(extra.sum()), SPACE, np.uint32)
    characters[places] = scalars
    characters[places[opens_word] - 2] = ord("\n")
    return characters.astype("<u4").tobytes().decode("utf-32-le").split("\n")[1:]


def _assign_scalars(ids: Ints, weights: Ints) -> dict[int, int]:
    """Give frequent ids the scalar values with the shortest UTF-8, because the trainer reads UTF-8."""
    totals = np.bincount(ids, weights=weights)
    used = np.flatnonzero(totals)
    order = used[np.lexsort((used, -totals[used]))]
    return dict(zip(order.tolist(), _scalars(len(order)).tolist(), strict=True))


def _scalars(count: int) -> Ints:
    """Return the first Unicode scalar values that are neither surrogates nor white space nor controls."""
    codes = np.arange(0x21, 0x21 + count + 0x1000)
    is_surrogate = (codes >= 0xD800) & (codes <= 0xDFFF)
    white_space = [code for code in range(0x3001) if chr(code).isspace()]
    is_control = (codes >= 0x7F) & (codes <= 0xA0)
    return codes[~(is_surrogate | is_control | np.isin(codes, white_space))][:count]


def _train(strings: _Strings, size: int, minimum_frequency: int) -> list[tuple[str, str]]:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(
        vocab_size=len(strings.scalar_of_id) + size, min_frequency=minimum_frequency, show_progress=False
    )
    tokenizer.train_from_iterator(strings.repeated(), trainer)
    return [(left, right) for left, right in json.loads(tokenizer.to_str())["model"]["merges"]]
