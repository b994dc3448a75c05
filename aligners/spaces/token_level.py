"""TokenLevel: vectors of the target's own tokens, trained on text (FOCUS)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vocabx.aligners.space import TokenVectors
from vocabx.aligners.spaces.cache import trained_vectors
from vocabx.aligners.spaces.sentences import token_sentences
from vocabx.aligners.spaces.shared import lift, require_shared
from vocabx.aligners.spaces.train_vectors import Training
from vocabx.core.errors import InputError
from vocabx.core.transfer import Transfer

__all__ = ["TokenLevel"]


@dataclass(frozen=True)
class TokenLevel:
    """Train vectors of tokens on the corpus; a source token has that of the target token with the same bytes.

    The corpus is segmented by the target and each token is a word to fastText's CBOW, its n-grams those of the piece
    as the tokenizer spells it (Dobler and de Melo 2023, FOCUS). Tokens that are rarer than `minimum_count` have none.

    Attributes
    ----------
    epochs : int
        Passes over the text; 0 takes as many as suit its size. With too few all vectors are alike.
    longest_ngram : int
        0 trains without n-grams, which takes a fraction of the time.
    workers : int
        With more than one the vectors differ from run to run.
    """

    dimensions: int = 100
    epochs: int = 0
    minimum_count: int = 10
    negatives: int = 10
    shortest_ngram: int = 3
    longest_ngram: int = 6
    workers: int = 1

    def __post_init__(self) -> None:
        self._training(0)

    def vectors(self, transfer: Transfer) -> TokenVectors:
        """Return vectors of source and new tokens; raise `InputError` without a corpus, or with too little text."""
        corpus = transfer.materials.corpus
        if corpus is None:
            raise InputError("Vectors of tokens are trained on text in the new language. Give it with --corpus.")
        sentences = token_sentences(transfer.target, corpus)
        seed = int(transfer.generator().integers(2**31))
        words = trained_vectors(sentences, self._training(seed), transfer.materials.cache, transfer.say)
        rows = np.zeros((len(transfer.target.tokens), self.dimensions), np.float32)
        is_text = transfer.target.tokens.is_text
        known = [token for token in np.flatnonzero(is_text).tolist() if sentences.words[token] in words.row_of]
        rows[known] = words.rows[[words.row_of[sentences.words[token]] for token in known]]
        lifted = lift(rows, transfer)
        require_shared(lifted, transfer, "the vectors that were trained on the corpus")
        return lifted

    def _training(self, seed: int) -> Training:
        return Training(
            dimensions=self.dimensions,
            epochs=self.epochs,
            minimum_count=self.minimum_count,
            negatives=self.negatives,
            shortest_ngram=self.shortest_ngram,
            longest_ngram=self.longest_ngram,
            workers=self.workers,
            seed=seed,
        )
