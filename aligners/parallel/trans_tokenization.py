"""Trans-tokenization: a new token is made of the source tokens in the translations of its words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from vocabx.aligners.counts import keep_heaviest, normalise_rows
from vocabx.aligners.fallback import mean_where_empty
from vocabx.aligners.parallel.linked_text import MOST_PAIRS, word_links
from vocabx.aligners.parallel.symmetrize import check_symmetrization
from vocabx.aligners.parallel.translations import count_translations
from vocabx.core.alignment import Alignment
from vocabx.core.errors import InputError
from vocabx.core.transfer import Transfer

__all__ = ["TransTokenization"]


@dataclass(frozen=True)
class TransTokenization:
    """Weights by how often source tokens stand in words that are linked with the new token's (Remy et al. 2024).

    Attributes
    ----------
    keep : int
        Source tokens kept per new token, those with the most mass; 0 keeps all.
    minimum_count : int
        Pairs of linked words that two tokens must be in together. Fewer are taken for chance.
    whole_words : float
        Share of the mass for all tokens of the other word alike, from 0 to 1. The rest goes to those at the same place.
    symmetrization : str
        How links of both directions join: ``intersection``, ``union`` or ``grow-diag-final-and``.
    pairs : int
        Pairs of lines used, evenly spread over the files; 0 uses all.

    Notes
    -----
    Each row is convex. Words are linked by a model of our own (see `DiagonalModel`) unless links are given. The
    reference asks an external program for links between words joined with ``—``, which real dashes break; here words
    and tokens are matched by bytes.
    """

    keep: int = 20
    minimum_count: int = 10
    whole_words: float = 0.5
    symmetrization: str = "grow-diag-final-and"
    pairs: int = MOST_PAIRS

    def __post_init__(self) -> None:
        if not 0 <= self.whole_words <= 1:
            raise InputError(f"The option whole_words must be a share between 0 and 1, not {self.whole_words}.")
        check_symmetrization(self.symmetrization)

    def align(self, transfer: Transfer) -> Alignment:
        """Return weights of N new tokens; evidence is the pairs of linked words of the most frequent source token.

        Raises
        ------
        InputError
            When there is no parallel text, or it cannot be read.
        """
        if transfer.materials.parallel is None:
            raise InputError("Trans-tokenization reads translated lines: give the parallel text.")
        text = word_links(transfer.materials.parallel, transfer.say, self.symmetrization, self.pairs)
        found = count_translations(transfer, text, self.whole_words)
        if found.skipped:
            transfer.say(f"{found.skipped:,} lines were left out: a tokenizer cannot spell them.")
        counts = found.counts
        counts.data[counts.data < self.minimum_count] = 0
        counts.eliminate_zeros()
        mass = csr_array(found.mass.multiply(counts > 0))
        evidence = np.asarray(counts.max(axis=1).todense(), dtype=np.int64).ravel()
        return mean_where_empty(normalise_rows(keep_heaviest(mass, self.keep)), evidence, transfer.usable)
