"""An extended tokenizer, and the evidence that it is sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vocabx.core.arrays import Ints
from vocabx.core.tokens import TokenTable
from vocabx.tokenizer_tools.extend.guard import Tradeoff
from vocabx.tokenizer_tools.extend.selection import Selection
from vocabx.tokenizer_tools.read import FastSegmenter

__all__ = ["ExtendedTokenizer"]


@dataclass(frozen=True)
class ExtendedTokenizer:
    """An extended tokenizer and the evidence that it is sound.

    Attributes
    ----------
    source, segmenter : FastSegmenter
        The base and the extended pipeline.
    selection : Selection
        New pieces, their merges, and what each incomplete piece is needed by.
    new_ids : ndarray of int64, shape (N,)
        The id of each new piece, then of each new control token; ascending.
    witnesses : mapping of int to str
        For each new id of whole characters a text that produces it.
    scripts : tuple of str
        Scripts that new tokens carry; empty when any text could be learned.
    sample_lines, changed_lines : int
        Lines of the source sample, and those whose ids changed.
    source_change_limit : float
    unseen_share : float
        Estimated share of source lines outside the sample that change all the same, because they hold what the sample
        does not; more sample lines lower it.
    tradeoffs : tuple of Tradeoff
        What other limits would cost; empty when nothing fired on the sample.
    corpus_tokens : (int, int)
        What the corpus takes with the base and with the extended tokenizer; words that the base cannot spell are
        left out of both.
    filtered : mapping of str to int
        Candidates that a rule of the filter took away, by rule.
    dropped : mapping of str to int
        Candidates that were tried and taken away, by what was wrong with them; others took their place.
    """

    source: FastSegmenter = field(repr=False)
    segmenter: FastSegmenter = field(repr=False)
    selection: Selection = field(repr=False)
    new_ids: Ints = field(repr=False)
    witnesses: Mapping[int, str] = field(repr=False)
    scripts: tuple[str, ...]
    sample_lines: int
    changed_lines: int
    source_change_limit: float
    unseen_share: float = 0.0
    tradeoffs: Sequence[Tradeoff] = ()
    corpus_tokens: tuple[int, int] = (0, 0)
    filtered: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)

    @property
    def new_tokens(self) -> TokenTable:
        """The table of the new tokens, row i for id `new_ids[i]`."""
        return self.segmenter.tokens.select(self.new_ids)
