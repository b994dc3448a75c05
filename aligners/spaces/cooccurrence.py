"""Cooccurrence: vectors of both tokenizers' tokens, trained on text, and turned onto each other (TokAlign)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vocabx.aligners.space import TokenVectors
from vocabx.aligners.spaces.procrustes import Procrustes
from vocabx.aligners.spaces.shared import require_shared
from vocabx.aligners.spaces.trained import Trained, token_rows
from vocabx.aligners.spaces.word_vectors import WordVectors
from vocabx.core.arrays import Floats
from vocabx.core.errors import InputError
from vocabx.core.transfer import Transfer

__all__ = ["Cooccurrence"]


@dataclass(frozen=True, kw_only=True)
class Cooccurrence(Trained):
    """Train vectors of source tokens and of target tokens, each on text that their own tokenizer cut.

    The source's vectors are turned onto the target's by the tokens that both have, by exact bytes. This is after
    TokAlign (Li et al. 2025), which trains GloVe and compares tokens by their cosines to 300 shared ones instead. Both
    sides are trained on the corpus in the new language, as TokAlign trains on one corpus; where text in the source
    language is given, the source's are trained on that.

    Attributes
    ----------
    centre_pairs : bool
        Take the mean of the pairs' vectors off either side while fitting. See `Procrustes`.
    normalise : bool
        Give the pairs' vectors length 1 while fitting, so that long ones weigh no more.
    refinements : int
        How often to fit again on pairs that the last fit made nearest neighbours.

    Notes
    -----
    N-grams, which as pieces of tokens would favour tokens that are spelt alike, take no part by default.
    """

    centre_pairs: bool = False
    normalise: bool = True
    refinements: int = 0
    longest_ngram: int = 0

    def vectors(self, transfer: Transfer) -> TokenVectors:
        """Return vectors of source and new tokens; raise `InputError` without a corpus or shared tokens in it."""
        materials = transfer.materials
        if materials.corpus is None:
            raise InputError("Vectors of tokens are trained on text in the new language. Give it with --corpus.")
        training = self.training(transfer)
        source = token_rows(transfer.source, materials.source_corpus or materials.corpus, training, transfer)
        target = token_rows(transfer.target, materials.corpus, training, transfer)
        pairs = np.flatnonzero(transfer.shared >= 0)
        pairs = pairs[target[pairs].any(axis=1) & source[transfer.shared[pairs]].any(axis=1)]
        if not len(pairs):
            raise InputError(
                "The two tokenizers have no token in common that occurs often enough in the text, so their vectors "
                "cannot be aligned. Give more text with --corpus, or set a lower --method-option minimum_count."
            )
        transfer.say(f"{len(pairs):,} tokens that both tokenizers have align the vectors")
        rotation = Procrustes(self.centre_pairs, self.normalise, self.refinements).fit(
            _as_words(source), _as_words(target), (transfer.shared[pairs], pairs)
        )
        vectors = TokenVectors(source @ rotation, np.asarray(target[transfer.new_ids], np.float32))
        require_shared(vectors, transfer, "the vectors that were trained on the corpus")
        return vectors


def _as_words(rows: Floats) -> WordVectors:
    """Let ids be words; tokens without a vector come last."""
    counts = np.asarray(rows.any(axis=1), np.int64)
    return WordVectors(tuple(map(str, range(len(rows)))), rows, counts)
