"""TokenLevel: vectors of the target's own tokens, trained on text (FOCUS)."""

from __future__ import annotations

from dataclasses import dataclass

from vocabx.aligners.space import TokenVectors
from vocabx.aligners.spaces.shared import lift, require_shared
from vocabx.aligners.spaces.trained import Trained, token_rows
from vocabx.core.errors import InputError
from vocabx.core.transfer import Transfer

__all__ = ["TokenLevel"]


@dataclass(frozen=True, kw_only=True)
class TokenLevel(Trained):
    """Train vectors of tokens on the corpus; a source token has that of the target token with the same bytes.

    The corpus is segmented by the target and each token is a word to fastText's CBOW, its n-grams those of the piece
    as the tokenizer spells it (Dobler and de Melo 2023, FOCUS). Tokens that are rarer than `minimum_count` have none.
    With too few epochs all vectors are alike. Training without n-grams takes a fraction of the time.
    """

    def vectors(self, transfer: Transfer) -> TokenVectors:
        """Return vectors of source and new tokens; raise `InputError` without a corpus, or with too little text."""
        corpus = transfer.materials.corpus
        if corpus is None:
            raise InputError("Vectors of tokens are trained on text in the new language. Give it with --corpus.")
        rows = token_rows(transfer.target, corpus, self.training(transfer), transfer)
        lifted = lift(rows, transfer)
        require_shared(lifted, transfer, "the vectors that were trained on the corpus")
        return lifted
