"""Packing: sequences of one length cut out of documents, in an order that depends on a seed alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from vocabx.core.arrays import Ints
from vocabx.core.errors import CorpusError, InputError
from vocabx.core.say import Say, say_nothing
from vocabx.training.sequences.token_store import TokenStore

__all__ = ["NOT_PREDICTED", "PackedSequences", "Stream", "TextRead", "pack"]

NOT_PREDICTED = -100
"""The label of what no loss is computed for."""


@dataclass(frozen=True, slots=True)
class TextRead:
    """Bytes of text that some sequences hold."""

    target: int
    replay: int

    @property
    def all(self) -> int:
        """Of both."""
        return self.target + self.replay


@dataclass(frozen=True, slots=True)
class Stream:
    """The sequences of one store: the first `length` tokens, the next, and so on; the rest at the end is left over.

    Turn after turn each of them comes once in every epoch, and each epoch has an order of its own.
    """

    store: TokenStore
    length: int
    seed: int
    number: int

    def __len__(self) -> int:
        return self.store.tokens // self.length

    def begin(self, turn: int) -> int:
        """Return the place in the store where the sequence of a turn begins."""
        epoch, place = divmod(turn, len(self))
        return int(_order(self.seed, self.number, epoch, len(self))[place]) * self.length

    def read(self, turn: int) -> dict[str, Ints]:
        """Return the sequence of a turn."""
        begin = self.begin(turn)
        first, last = np.searchsorted(self.store.ends, [begin, begin + self.length], "right")
        inside = np.asarray(self.store.ends[first:last]) - begin
        starts = np.concatenate([[0], inside[inside < self.length]])
        ids = self.store.ids[begin : begin + self.length].astype(np.int64)
        labels = ids.copy()
        labels[starts] = NOT_PREDICTED
        positions = np.arange(self.length) - np.repeat(starts, np.diff(starts, append=self.length))
        return {"input_ids": ids, "labels": labels, "position_ids": positions}

    def bytes_of(self, turn: int) -> int:
        """Return how many bytes of text the sequence of a turn stands for."""
        begin = self.begin(turn)
        return int(self.store.sizes[begin : begin + self.length].sum(dtype=np.int64))


@lru_cache(4)
def _order(seed: int, stream: int, epoch: int, count: int) -> Ints:
    return np.random.default_rng([seed, stream, epoch]).permutation(count)


@dataclass(frozen=True, slots=True)
class PackedSequences:
    """Sequences for training, as a dataset: to be read from the first to the last, as they are ordered already.

    A sequence is a mapping of arrays of int64, shape (length,): `input_ids`; `position_ids`, which begin at 0 where a
    document begins and where the sequence does; and `labels`, the ids themselves, except where the token before is of
    another document or another sequence.

    Attributes
    ----------
    target : Stream
    count : int
        How many sequences there are.
    replay : Stream, optional
        Where the source language's come from.
    replayed : int
        How many of all are of that kind; they are spread evenly.
    """

    target: Stream
    count: int
    replay: Stream | None = None
    replayed: int = 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Ints]:
        stream, turn = self.turn(index)
        return stream.read(turn)

    def turn(self, index: int) -> tuple[Stream, int]:
        """Return the stream that a sequence comes from, and how many of that stream come before it."""
        if not 0 <= index < self.count:
            raise IndexError(index)
        before, then = (place * self.replayed // self.count for place in (index, index + 1))
        if self.replay is not None and then > before:
            return self.replay, before
        return self.target, index - before

    def text_read(self, start: int, stop: int) -> TextRead:
        """Count the bytes of text in the sequences from `start` up to `stop`, exactly."""
        found = {False: 0, True: 0}
        for index in range(start, stop):
            stream, turn = self.turn(index)
            found[stream is self.replay] += stream.bytes_of(turn)
        return TextRead(found[False], found[True])


def pack(
    target: TokenStore,
    length: int,
    count: int,
    seed: int,
    replay: TokenStore | None = None,
    replay_share: float = 0.0,
    *,
    say: Say = say_nothing,
) -> PackedSequences:
    """Cut stores into sequences.

    Parameters
    ----------
    target : TokenStore
    length : int
        Tokens of a sequence.
    count : int
        How many sequences the run reads; where the target text has fewer, it is read again in another order.
    seed : int
        Of the order. The same arguments give the same sequences, wherever reading begins.
    replay : TokenStore, optional
        Text of the source language.
    replay_share : float
        The share of all sequences that comes from there, at least 0 and less than 1; any run of them has it, give or
        take one sequence.
    say : callable, optional
        Hears when text is read more than once.

    Raises
    ------
    CorpusError
        When a store is shorter than one sequence.
    InputError
        When a number is out of its range, or a share is asked of no store.
    """
    _check(length, count, seed, replay, replay_share)
    replayed = round(count * replay_share)
    packed = PackedSequences(
        _stream("corpus", target, length, seed, 0),
        count,
        _stream("replay corpus", replay, length, seed, 1) if replay is not None and replayed else None,
        replayed,
    )
    needed: Mapping[str, tuple[int, Stream | None]] = {
        "corpus": (count - replayed, packed.target),
        "replay corpus": (replayed, packed.replay),
    }
    for name, (wanted, stream) in needed.items():
        if stream is not None and wanted > len(stream):
            times = wanted / len(stream)
            say(f"The {name} has {len(stream):,} sequences of {length} tokens, and is read {times:.1f} times")
    return packed


def _check(length: int, count: int, seed: int, replay: TokenStore | None, share: float) -> None:
    if length < 2:
        raise InputError(f"A sequence of {length} tokens predicts nothing; it needs at least 2.")
    if count < 1:
        raise InputError(f"{count} sequences were asked for; at least one must be read.")
    if seed < 0:
        raise InputError(f"The seed is {seed}; it must not be negative.")
    if not 0 <= share < 1:
        raise InputError(f"The share of replay is {share}; it must be at least 0 and less than 1.")
    if share and replay is None:
        raise InputError(f"The share of replay is {share}, but there is no text of the source language. Name some.")


def _stream(name: str, store: TokenStore, length: int, seed: int, number: int) -> Stream:
    if store.tokens < length:
        raise CorpusError(
            f"The {name} has {store.tokens:,} tokens, fewer than one sequence of {length}. Give more text, or ask for "
            "shorter sequences."
        )
    return Stream(store, length, seed, number)
