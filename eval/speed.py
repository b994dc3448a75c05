"""Speed: how fast causal models read and write the same text, and how much they keep of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from vocabx.core.arrays import Ragged
from vocabx.core.errors import InputError
from vocabx.eval.attention_cache import cache_bytes, expected_cache_bytes
from vocabx.eval.cost import Progress, document_sizes
from vocabx.eval.decoder import Decoder
from vocabx.eval.stepping import choose_step_by_step, pad_at_end, read_at_once, timed

__all__ = ["Range", "Seconds", "Speed", "measure_speeds"]

Seconds = NDArray[np.float64]

RUNS = (choose_step_by_step, read_at_once)
"""What is timed: writing, and reading."""


@dataclass(frozen=True, slots=True)
class Range:
    """The median of several measurements, the least and the greatest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Seconds) -> Range:
        """Summarise measurements, at least one."""
        return cls(float(np.median(values)), float(values.min()), float(values.max()))


@dataclass(frozen=True)
class Speed:
    """What one model needs for some texts.

    Attributes
    ----------
    characters, bytes, tokens : int
        Of the texts, each counted once; start tokens are no part of them.
    steps : int
        Runs of the model that writing them takes. A batch takes as many as its longest text has tokens.
    writing : ndarray of float64, shape (repeats,)
        Seconds in which the model produced the texts token by token (`choose_step_by_step`).
    reading : ndarray of float64, shape (repeats,)
        Seconds in which it read them, each text at once, up to the logits of the token after its end.
    cache : int
        Bytes that it keeps of the texts, each read by itself, start tokens included.
    expected_cache : int or None
        The same from its configuration, where that says it (`expected_cache_bytes`).
    """

    characters: int
    bytes: int
    tokens: int
    steps: int
    writing: Seconds
    reading: Seconds
    cache: int
    expected_cache: int | None

    @property
    def characters_per_second(self) -> Seconds:
        """Characters written in a second, one number for each repeat."""
        return self.characters / self.writing

    @property
    def tokens_per_second(self) -> Seconds:
        """Tokens written in a second, one number for each repeat."""
        return self.tokens / self.writing

    @property
    def bytes_per_second(self) -> Seconds:
        """Bytes read in a second, one number for each repeat."""
        return self.bytes / self.reading

    @property
    def characters_per_step(self) -> float:
        """Characters written in one run of the model: what a speed would follow, were all runs as long."""
        return self.characters / self.steps

    @property
    def tokens_per_character(self) -> float:
        """Tokens of the texts for one of their characters."""
        return self.tokens / self.characters

    @property
    def cache_bytes_per_character(self) -> float:
        """Bytes kept for one character of the texts."""
        return self.cache / self.characters


def measure_speeds(
    decoders: Sequence[Decoder],
    texts: Sequence[str],
    *,
    batch_size: int = 1,
    repeats: int = 3,
    progress: Progress | None = None,
) -> list[Speed]:
    """Measure models side by side on the same texts in the same batches.

    Parameters
    ----------
    decoders : sequence of Decoder
        All stay in memory. Whatever else the machine does meets all of them alike: each batch goes through every
        model before the next one does, in the opposite order in every other repeat.
    texts : sequence of str
        None of them empty, none longer than a model's context.
    batch_size : int
        Texts that are read or written at once. The shorter ones of a batch wait for the longest.
    repeats : int
        Measurements, after one that warms up and does not count.
    progress : callable, optional
        Told how many batches are done and how many there are, the repeats and the warm-up counted.

    Raises
    ------
    InputError
        When a text is empty or longer than a context, or a number is not positive.
    """
    document_sizes(texts)
    if min(batch_size, repeats) < 1:
        raise InputError(f"A batch size of {batch_size} and {repeats} repeats: both must be at least 1.")
    sequences = [_encode(decoder, texts) for decoder in decoders]
    caches = [_keep(decoder, own) for decoder, own in zip(decoders, sequences, strict=True)]
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    batches = [order[first : first + batch_size] for first in range(0, len(order), batch_size)]
    seconds = np.zeros((repeats + 1, len(decoders), len(RUNS)))
    for done, (repeat, batch) in enumerate(product(range(repeats + 1), batches), 1):
        for model in range(len(decoders))[:: -1 if repeat % 2 else 1]:
            ids = pad_at_end(decoders[model], sequences[model], batch)
            seconds[repeat, model] += [timed(decoders[model], run, ids) for run in RUNS]
        if progress:
            progress(done, (repeats + 1) * len(batches))
    return [
        Speed(
            characters=sum(map(len, texts)),
            bytes=int(document_sizes(texts).sum()),
            tokens=len(own.values) - (decoder.start != "uniform") * len(texts),
            steps=sum(int(own.lengths[batch].max()) - 1 for batch in batches),
            writing=seconds[1:, model, 0],
            reading=seconds[1:, model, 1],
            cache=caches[model][0],
            expected_cache=caches[model][1],
        )
        for model, (decoder, own) in enumerate(zip(decoders, sequences, strict=True))
    ]


def _keep(decoder: Decoder, sequences: Ragged) -> tuple[int, int | None]:
    """Return the bytes that a model keeps of all texts, each read without padding; and as its configuration has it."""
    config, width = decoder.model.config, decoder.model.dtype.itemsize
    expected = [expected_cache_bytes(config, int(length), width) for length in sequences.lengths]
    kept = 0
    for text in range(len(sequences)):
        cache = getattr(read_at_once(decoder, pad_at_end(decoder, sequences, [text])), "past_key_values", None)
        if cache is None:
            raise InputError(f"A model of the kind {config.model_type} keeps no keys and values to write with.")
        kept += cache_bytes(cache)
    known = [size for size in expected if size is not None]
    return kept, sum(known) if len(known) == len(expected) else None


def _encode(decoder: Decoder, texts: Sequence[str]) -> Ragged:
    sequences = decoder.encode(texts)
    longest = int(sequences.lengths.argmax())
    if decoder.context is not None and sequences.lengths[longest] > decoder.context:
        raise InputError(
            f"Text {longest + 1} is {sequences.lengths[longest]:,} tokens of a model that reads {decoder.context:,} "
            "at most. Use fewer characters of each text with --characters."
        )
    shortest = int(sequences.lengths.argmin())
    if sequences.lengths[shortest] < 2:
        raise InputError(f"Text {shortest + 1} has no second token, so nothing is written: {texts[shortest]!r}.")
    return sequences
