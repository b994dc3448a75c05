"""A trained tokenizer with its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vocabx.core.arrays import Ints, Ragged
from vocabx.core.tokens import TokenKind
from vocabx.tokenizer_tools.reachability import find_witnesses
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.surfaces import Family
from vocabx.tokenizer_tools.train.blueprint import Blueprint
from vocabx.tokenizer_tools.train.material import Material

__all__ = ["TrainedTokenizer"]

CONTEXTS = ("a", ".", "1")
"""What may stand before a token, when its own text and the words of the corpus do not produce it."""


@dataclass(frozen=True)
class TrainedTokenizer:
    """A trained tokenizer with its evidence.

    Attributes
    ----------
    segmenter : FastSegmenter
        The tokenizer.
    blueprint : Blueprint
        What it is but for its vocabulary.
    material : Material
        What it learned from.
    files : mapping of str to bytes
        Files beside `tokenizer.json`, such as a SentencePiece model.
    """

    segmenter: FastSegmenter
    blueprint: Blueprint
    material: Material
    files: Mapping[str, bytes]

    @cached_property
    def word_ids(self) -> Ragged:
        """Ids of every distinct word of the corpus."""
        return self.segmenter.encode_words(self.material.words.words)

    @cached_property
    def uses(self) -> Ints:
        """How often the corpus uses each id, shape (T,)."""
        weights = np.repeat(self.material.words.counts, self.word_ids.lengths)
        counts = np.bincount(self.word_ids.values, weights=weights, minlength=len(self.segmenter.tokens))
        return counts.astype(np.int64)

    @cached_property
    def scores(self) -> NDArray[np.float64]:
        """Log-likelihood of each id of a Unigram model, shape (T,); empty for other models."""
        vocabulary = self.segmenter.definition["model"]["vocab"]
        is_unigram = self.segmenter.family is Family.UNIGRAM
        return np.array([score for _, score in vocabulary] if is_unigram else [], np.float64)

    @cached_property
    def learned(self) -> Ints:
        """Ids of normal tokens: neither special nor a single byte."""
        return np.flatnonzero(self.segmenter.tokens.kinds == TokenKind.NORMAL)

    @property
    def unused(self) -> Ints:
        """Ids of normal tokens that the corpus never uses."""
        return np.asarray(self.learned[self.uses[self.learned] == 0])

    @cached_property
    def witnesses(self) -> Mapping[int, str]:
        """Return a text for each normal token of whole characters that produces it through the whole pipeline."""
        tokens, words = self.complete.tolist(), self.material.words.words
        found = find_witnesses(self.segmenter, tokens, words, self.word_ids)
        # The words of the corpus lack what came before them, and some pipelines put a space before every text.
        for context in CONTEXTS:
            missing = [token for token in tokens if token not in found]
            texts = [context + self.segmenter.tokens.surfaces[token].decode() for token in missing]
            pairs = zip(missing, texts, self.segmenter.encode(texts), strict=True)
            found |= {token: text for token, text, ids in pairs if token in ids}
        return found

    @property
    def complete(self) -> Ints:
        """Ids of normal tokens that are whole characters."""
        return np.asarray(self.learned[self.segmenter.tokens.is_complete[self.learned]])

    @property
    def unreached(self) -> Ints:
        """Ids of normal tokens of whole characters that no text was found to produce."""
        return np.array([token for token in self.complete.tolist() if token not in self.witnesses], np.int64)

    @property
    def tokens_per_character(self) -> float:
        """Tokens for each character of the corpus."""
        return float(self.uses.sum() / self.material.words.characters)

    @property
    def tokens_per_byte(self) -> float:
        """Tokens for each byte of the corpus in UTF-8."""
        return float(self.uses.sum() / self.material.bytes)
