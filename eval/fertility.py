"""Fertility: how many tokens a tokenizer spends on a text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

import numpy as np

from vocabx.core.segmenter import Segmenter
from vocabx.core.tokens import TokenKind
from vocabx.eval.words import single_token_words

__all__ = ["Fertility", "measure_fertility"]


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


@dataclass(frozen=True, slots=True)
class Fertility:
    """Counts over a text, and the ratios made of them; a ratio with nothing to divide by is nan.

    Attributes
    ----------
    lines, characters, bytes, words : int
        Of the text as it was given: Unicode scalar values, UTF-8 bytes, and runs between white space. They do not
        depend on the tokenizer.
    normalized_words : int
        Words of the text as the tokenizer's normaliser left it; they differ where it adds or removes white space.
    tokens : int
        Without special tokens.
    single_token_words : int
        Normalised words that are one token, the space before the word included; see `vocabx.eval.words`.
    byte_tokens : int
        Tokens of the kind that stands for one byte. In a byte-level vocabulary a single ASCII letter is one too.
    partial_tokens : int
        Tokens that are not whole characters, whatever their kind: the fallback to bytes.
    unknown_tokens : int
        Tokens that stand for text the vocabulary cannot spell.

    Examples
    --------
    >>> (Fertility(words=3, tokens=9) + Fertility(words=2, tokens=1)).tokens_per_word
    2.0
    """

    lines: int = 0
    characters: int = 0
    bytes: int = 0
    words: int = 0
    normalized_words: int = 0
    tokens: int = 0
    single_token_words: int = 0
    byte_tokens: int = 0
    partial_tokens: int = 0
    unknown_tokens: int = 0

    @property
    def tokens_per_character(self) -> float:
        """Tokens for one character."""
        return _ratio(self.tokens, self.characters)

    @property
    def tokens_per_byte(self) -> float:
        """Tokens for one byte of UTF-8."""
        return _ratio(self.tokens, self.bytes)

    @property
    def tokens_per_word(self) -> float:
        """Tokens for one word: fertility in the narrow sense."""
        return _ratio(self.tokens, self.words)

    @property
    def bytes_per_token(self) -> float:
        """Bytes of UTF-8 in one token: compression."""
        return _ratio(self.bytes, self.tokens)

    @property
    def single_token_word_share(self) -> float:
        """Share of the normalised words that are one token."""
        return _ratio(self.single_token_words, self.normalized_words)

    @property
    def byte_fallback_share(self) -> float:
        """Share of the tokens that are not whole characters."""
        return _ratio(self.partial_tokens, self.tokens)

    @property
    def unknown_share(self) -> float:
        """Share of the tokens that are unknown."""
        return _ratio(self.unknown_tokens, self.tokens)

    def __add__(self, other: Fertility) -> Fertility:
        return Fertility(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


def measure_fertility(segmenter: Segmenter, batches: Iterable[Sequence[str]]) -> Fertility:
    """Count what a tokenizer makes of a text.

    Parameters
    ----------
    segmenter : Segmenter
        The tokenizer; each line is encoded once.
    batches : iterable of sequences of str
        Lines of text, such as `Corpus.batches` yields; one batch is held at a time.
    """
    return sum((_count(segmenter, lines) for lines in batches), Fertility())


def _count(segmenter: Segmenter, lines: Sequence[str]) -> Fertility:
    tokens = segmenter.tokens
    segmentation = segmenter.segment_lines(lines)
    ids = segmentation.ids.values
    normalized_words, single = single_token_words(segmentation, tokens)
    is_unknown = ids == tokens.roles.get("unk", -1)
    return Fertility(
        lines=len(lines),
        characters=sum(map(len, lines)),
        bytes=sum(len(line.encode()) for line in lines),
        words=sum(len(line.split()) for line in lines),
        normalized_words=normalized_words,
        tokens=len(ids),
        single_token_words=single,
        byte_tokens=int(np.count_nonzero(tokens.kinds[ids] == TokenKind.BYTE)),
        partial_tokens=int(np.count_nonzero(~tokens.is_complete[ids] & ~is_unknown)),
        unknown_tokens=int(np.count_nonzero(is_unknown)),
    )
