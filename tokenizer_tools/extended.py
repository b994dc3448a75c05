"""An extended tokenizer: how it is put together, and the evidence that it is sound."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vocabx.core.arrays import Ints
from vocabx.core.tokens import TokenTable
from vocabx.tokenizer_tools.guard import Tradeoff
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.selection import Selection

__all__ = ["ExtendedTokenizer", "append_selection"]


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
    corpus_tokens : (int, int)
        What the corpus takes with the base and with the extended tokenizer.
    """

    source: FastSegmenter = field(repr=False)
    segmenter: FastSegmenter = field(repr=False)
    selection: Selection = field(repr=False)
    witnesses: Mapping[int, str] = field(repr=False)
    scripts: tuple[str, ...]
    sample_lines: int
    changed_lines: int
    source_change_limit: float
    tradeoffs: Sequence[Tradeoff] = ()
    corpus_tokens: tuple[int, int] = (0, 0)

    @property
    def first_new(self) -> int:
        """The lowest new id."""
        return len(self.source.tokens)

    @property
    def new_ids(self) -> Ints:
        """The id of each new piece, shape (N,), ascending."""
        return np.arange(self.first_new, self.first_new + len(self.selection.pieces))

    @property
    def new_tokens(self) -> TokenTable:
        """The table of the new tokens, row i for id `new_ids[i]`."""
        return self.segmenter.tokens.select(self.new_ids)


def append_selection(source: FastSegmenter, selection: Selection) -> FastSegmenter:
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
