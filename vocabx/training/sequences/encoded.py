"""Documents as tokens: what stands around each, and how many bytes of text each token stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from vocabx.core.arrays import Ints, Ragged
from vocabx.core.errors import TokenizerError, UnknownNameError
from vocabx.eval.decoder import start_of_text
from vocabx.eval.encoder import around_text
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.training.settings import MASKED, OBJECTIVES

__all__ = ["Encoded", "Framing", "encode_documents", "open_segmenter", "share_out"]


@dataclass(frozen=True, slots=True)
class Framing:
    """Ids that stand before and behind each document."""

    before: tuple[int, ...] = ()
    behind: tuple[int, ...] = ()

    @classmethod
    def of(cls, tokenizer: Any, objective: str) -> Self:
        """Find what a tokenizer asks for.

        For a causal model that is what the tokenizer puts before a text, such as BOS, and EOS if there is one. Where it
        puts nothing, a document starts as it does when it is measured (`Decoder.start`): otherwise no first token would
        ever be learned. For a masked model it is only what the tokenizer puts behind a text, such as SEP, for what
        stands around a whole sequence comes when it is cut: the full sentences of RoBERTa (Liu et al. 2019).
        """
        if objective not in OBJECTIVES:
            raise UnknownNameError("objective", objective, OBJECTIVES)
        before, behind = around_text(tokenizer)
        if objective == MASKED:
            return cls((), tuple(behind))
        end = tokenizer.eos_token_id
        return cls(tuple(before or start_of_text(tokenizer)), () if end is None else (int(end),))


@dataclass(frozen=True, slots=True)
class Encoded:
    """Documents one behind the other.

    Attributes
    ----------
    ids : ndarray of int64, shape (tokens,)
    sizes : ndarray of int64, shape (tokens,)
        Bytes of text that each token stands for; those around a document stand for none.
    ends : ndarray of int64, shape (documents,)
        The place behind each document.
    """

    ids: Ints
    sizes: Ints
    ends: Ints


def open_segmenter(tokenizer: Any) -> FastSegmenter:
    """Take the fast pipeline of a tokenizer; raise `TokenizerError` where it has none."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise TokenizerError("The tokenizer has no fast form (tokenizer.json), which training needs. Convert it first.")
    return FastSegmenter.from_backend(backend)


def encode_documents(segmenter: FastSegmenter, texts: Sequence[str], framing: Framing) -> Encoded:
    """Encode documents; those that the tokenizer makes nothing of are left out."""
    rows = segmenter.encode(texts)
    kept = [place for place, row in enumerate(rows) if row]
    found = Ragged.from_rows([rows[place] for place in kept])
    sizes = np.fromiter((len(texts[place].encode()) for place in kept), np.int64, len(kept))
    shares = share_out(sizes, segmenter.tokens.surface_lengths[found.values], found.starts)
    before, behind = len(framing.before), len(framing.behind)
    lengths = found.lengths + before + behind
    ends = np.cumsum(lengths)
    is_text = np.ones(int(lengths.sum()), np.bool_)
    ids, bytes_of = np.zeros_like(is_text, np.int64), np.zeros_like(is_text, np.int64)
    places = [ends - lengths + place for place in range(before)] + [ends - behind + place for place in range(behind)]
    for token, place in zip((*framing.before, *framing.behind), places, strict=True):
        ids[place], is_text[place] = token, False
    ids[is_text], bytes_of[is_text] = found.values, shares
    return Encoded(ids, bytes_of, ends)


def share_out(sizes: Ints, spelt: Ints, starts: Ints) -> Ints:
    """Share out each document's bytes among its tokens, in proportion to the bytes that they spell.

    Where tokens spell the text itself, as byte-level ones do, each gets its own bytes. Where a normaliser, a dummy
    space or an unknown token stands between, the shares still add up to the document, to the byte.

    Parameters
    ----------
    sizes : ndarray of int64, shape (documents,)
    spelt : ndarray of int64, shape (tokens,)
    starts : ndarray of int64, shape (documents + 1,)
        No document is without tokens.

    Examples
    --------
    >>> share_out(np.array([5, 3]), np.array([2, 3, 1, 1]), np.array([0, 2, 4])).tolist()
    [2, 3, 1, 2]
    """
    if not len(sizes):
        return np.empty(0, np.int64)
    lengths = np.diff(starts)
    spells_nothing = np.add.reduceat(spelt, starts[:-1]) == 0
    weights = spelt + np.repeat(spells_nothing, lengths)
    reached = np.cumsum(weights)
    reached -= np.repeat(reached[starts[:-1]] - weights[starts[:-1]], lengths)
    shared = reached * np.repeat(sizes, lengths) // np.repeat(reached[starts[1:] - 1], lengths)
    shares: Ints = np.diff(shared, prepend=0)
    shares[starts[:-1]] = shared[starts[:-1]]
    return shares
