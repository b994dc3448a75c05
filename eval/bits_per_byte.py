"""Bits per byte: how well a causal language model predicts text, whatever its vocabulary."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vocabx.core.arrays import Ints, Ragged
from vocabx.core.tokens import TokenTable
from vocabx.eval.bootstrap import Interval
from vocabx.eval.cost import DocumentCost, Nats, Progress, TokenGroup, document_sizes, token_group
from vocabx.eval.decoder import Decoder, Start, load_decoder, require_torch
from vocabx.eval.windows import batches_of_windows, sliding_windows

__all__ = ["BitsPerByte", "Interval", "TokenGroup", "bits_per_byte", "score_documents"]

LOGITS_AT_ONCE = 2**25
"""Numbers in the logits of one batch: 128 MB in float32; more is slower."""


@dataclass(frozen=True)
class BitsPerByte(DocumentCost):
    """What documents cost under a causal language model; see `DocumentCost`.

    Attributes
    ----------
    start : {"bos", "eos", "uniform"}
        What the first token of a document was predicted from; see `Decoder.start`.
    window, stride : int
        As used, which is less than asked for where the model's context is shorter.
    old, new : TokenGroup or None
        The cost by age of the token, where the new ids were given.
    """

    start: Start
    window: int
    stride: int
    old: TokenGroup | None = None
    new: TokenGroup | None = None


def bits_per_byte(
    model_directory: Path,
    texts: Sequence[str],
    *,
    window: int = 1024,
    stride: int = 512,
    new_ids: Ints | None = None,
    tokens: TokenTable | None = None,
    dtype: str = "float32",
    progress: Progress | None = None,
) -> BitsPerByte:
    """Open a model directory (safetensors, with its tokenizer) and measure it as `score_documents` does."""
    decoder = load_decoder(model_directory, dtype=dtype)
    return score_documents(
        decoder.model,
        decoder.tokenizer,
        texts,
        window=window,
        stride=stride,
        new_ids=new_ids,
        tokens=tokens,
        progress=progress,
    )


def score_documents(
    model: Any,
    tokenizer: Any,
    texts: Sequence[str],
    *,
    window: int = 1024,
    stride: int = 512,
    new_ids: Ints | None = None,
    tokens: TokenTable | None = None,
    progress: Progress | None = None,
) -> BitsPerByte:
    """Measure what documents cost under a loaded model.

    Parameters
    ----------
    model, tokenizer
        As transformers' AutoModelForCausalLM and AutoTokenizer load them, the model in evaluation mode.
    texts : sequence of str
        Documents, none of them empty. Each is read by itself, after the tokenizer's BOS (`Decoder.start` says what
        happens without one); its end is not predicted.
    window, stride : int
        A document longer than `window` tokens is read in windows that begin `stride` tokens apart; every token is
        predicted once, in the first window that holds it. Both shrink to the model's context.
    new_ids : ndarray of int64, optional
        Ids whose rows are new, such as `Plan.new_ids`; divides the result into `old` and `new` tokens.
    tokens : TokenTable, optional
        Gives the bytes of these two groups.
    progress : callable, optional
        Called after each batch with the windows done and the windows in all.
    """
    sizes = document_sizes(texts)
    decoder = Decoder(model, tokenizer)
    sequences = decoder.encode(texts)
    window, stride = decoder.fit(window, stride)
    nats = _token_nats(decoder, sequences, window, stride, progress or (lambda done, total: None))
    old, new = _by_age(decoder, sequences, nats, new_ids, tokens)
    return BitsPerByte(
        nats=np.bincount(sequences.row_of_value, weights=nats, minlength=len(texts)).astype(np.float64),
        bytes=sizes,
        start=decoder.start,
        window=window,
        stride=stride,
        old=old,
        new=new,
    )


def _token_nats(decoder: Decoder, sequences: Ragged, window: int, stride: int, progress: Progress) -> Nats:
    """Cost of every token of the sequences, shape (tokens,); a start token costs nothing."""
    cross_entropy = require_torch().nn.functional.cross_entropy
    nats = np.zeros(len(sequences.values))
    if decoder.start == "uniform":
        nats[_firsts(sequences)] = math.log(decoder.vocabulary)
    windows = sliding_windows(sequences.lengths, window, stride)
    done = 0
    for batch in batches_of_windows(windows, LOGITS_AT_ONCE // decoder.vocabulary):
        for part, logits, ids in decoder.read(sequences, batch):
            begin = sequences.starts[part.sequence]
            nats[begin + part.scored : begin + part.end] = cross_entropy(logits, ids, reduction="none").cpu()
        done += len(batch)
        progress(done, len(windows))
    return nats


def _by_age(
    decoder: Decoder, sequences: Ragged, nats: Nats, new_ids: Ints | None, tokens: TokenTable | None
) -> tuple[TokenGroup, TokenGroup] | tuple[None, None]:
    if new_ids is None:
        return None, None
    is_scored = np.ones(len(nats), np.bool_)
    is_scored[_firsts(sequences)] = decoder.start == "uniform"
    is_new = np.isin(sequences.values, new_ids)

    chosen = (is_scored & ~is_new, is_scored & is_new)
    old, new = (token_group(sequences.values, nats, group, tokens) for group in chosen)
    return old, new


def _firsts(sequences: Ragged) -> Ints:
    """Where each sequence that holds anything begins."""
    return sequences.starts[:-1][sequences.lengths > 0]
