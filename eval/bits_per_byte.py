"""Bits per byte: how well a causal language model predicts text, whatever its vocabulary."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vocabx.core.arrays import Bools, Ints, Ragged
from vocabx.core.errors import InputError
from vocabx.core.tokens import TokenTable
from vocabx.eval.decoder import Decoder, Start, load_decoder, require_torch
from vocabx.eval.windows import batches_of_windows, sliding_windows

__all__ = ["BitsPerByte", "Interval", "TokenGroup", "bits_per_byte", "score_documents"]

LOGITS_AT_ONCE = 2**25
"""Numbers in the logits of one batch: 128 MB in float32; more is slower."""

Nats = NDArray[np.float64]
Progress = Callable[[int, int], None]
"""Told how many windows are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate, and the range it would fall into at the level asked for, had other documents been drawn."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TokenGroup:
    """Some of the tokens: how many, what they cost, and their bytes where a token table was given."""

    tokens: int
    nats: float
    bytes: int | None


@dataclass(frozen=True)
class BitsPerByte:
    """What documents cost under a model.

    Attributes
    ----------
    nats : ndarray of float64, shape (documents,)
        Negative log-probability of each document, natural logarithm.
    bytes : ndarray of int64, shape (documents,)
        UTF-8 bytes of each document, at least 1.
    start : {"bos", "eos", "uniform"}
        What the first token of a document was predicted from; see `Decoder.start`.
    window, stride : int
        As used, which is less than asked for where the model's context is shorter.
    old, new : TokenGroup or None
        The cost by age of the token, where a first new id was given.

    Notes
    -----
    ``value == nats.sum() / bytes.sum() / log(2)``: long documents weigh more. It compares models with different
    vocabularies, which a loss per token does not.
    """

    nats: Nats
    bytes: Ints
    start: Start
    window: int
    stride: int
    old: TokenGroup | None = None
    new: TokenGroup | None = None

    @property
    def value(self) -> float:
        """Bits for one byte."""
        return _bits(self.nats, self.bytes)

    def interval(self, rng: np.random.Generator, resamples: int = 2000, level: float = 0.95) -> Interval:
        """Return the value with percentiles of its bootstrap over documents."""
        return _bootstrap(self.nats, self.bytes, rng, resamples, level)

    def paired_difference(
        self, other: BitsPerByte, rng: np.random.Generator, resamples: int = 2000, level: float = 0.95
    ) -> Interval:
        """Return this value minus another's, with percentiles over the same documents drawn for both."""
        if not np.array_equal(self.bytes, other.bytes):
            raise InputError("Two measurements can be compared only on the same documents; their bytes differ.")
        return _bootstrap(self.nats - other.nats, self.bytes, rng, resamples, level)


def bits_per_byte(
    model_directory: Path,
    texts: Sequence[str],
    *,
    window: int = 1024,
    stride: int = 512,
    first_new_id: int | None = None,
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
        first_new_id=first_new_id,
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
    first_new_id: int | None = None,
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
    first_new_id : int, optional
        Divides the result into `old` and `new` tokens.
    tokens : TokenTable, optional
        Gives the bytes of these two groups.
    progress : callable, optional
        Called after each batch with the windows done and the windows in all.
    """
    sizes = _sizes(texts)
    decoder = Decoder(model, tokenizer)
    sequences = decoder.encode(texts)
    window, stride = decoder.fit(window, stride)
    nats = _token_nats(decoder, sequences, window, stride, progress or (lambda done, total: None))
    old, new = _by_age(decoder, sequences, nats, first_new_id, tokens)
    return BitsPerByte(
        nats=np.bincount(sequences.row_of_value, weights=nats, minlength=len(texts)).astype(np.float64),
        bytes=sizes,
        start=decoder.start,
        window=window,
        stride=stride,
        old=old,
        new=new,
    )


def _sizes(texts: Sequence[str]) -> Ints:
    if not texts:
        raise InputError("There is no document to measure.")
    sizes = np.fromiter((len(text.encode()) for text in texts), np.int64, len(texts))
    if not sizes.all():
        raise InputError(f"Document {sizes.argmin()} is empty, and bits per byte needs bytes.")
    return sizes


def _token_nats(decoder: Decoder, sequences: Ragged, window: int, stride: int, progress: Progress) -> Nats:
    """Cost of every token of the sequences, shape (tokens,); a start token costs nothing."""
    cross_entropy = require_torch().nn.functional.cross_entropy
    nats = np.zeros(len(sequences.values))
    if decoder.start == "uniform":
        nats[sequences.starts[:-1][sequences.lengths > 0]] = math.log(decoder.vocabulary)
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
    decoder: Decoder, sequences: Ragged, nats: Nats, first_new_id: int | None, tokens: TokenTable | None
) -> tuple[TokenGroup, TokenGroup] | tuple[None, None]:
    if first_new_id is None:
        return None, None
    is_scored = np.ones(len(nats), np.bool_)
    is_scored[sequences.starts[:-1]] = decoder.start == "uniform"
    is_new = sequences.values >= first_new_id

    def group(chosen: Bools) -> TokenGroup:
        covered = None if tokens is None else int(tokens.surface_lengths[sequences.values[chosen]].sum())
        return TokenGroup(int(np.count_nonzero(chosen)), float(nats[chosen].sum()), covered)

    return group(is_scored & ~is_new), group(is_scored & is_new)


def _bits(nats: Nats, sizes: Ints) -> float:
    return float(nats.sum() / sizes.sum() / math.log(2))


def _bootstrap(nats: Nats, sizes: Ints, rng: np.random.Generator, resamples: int, level: float) -> Interval:
    draws = (rng.integers(len(sizes), size=len(sizes)) for _ in range(resamples))
    values = [_bits(nats[chosen], sizes[chosen]) for chosen in draws]
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(_bits(nats, sizes), float(low), float(high))
