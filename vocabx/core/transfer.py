"""Transfer: the base, the new tokens, and what a method may draw on to relate the two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vocabx.core.arrays import Bools, Ints, Matrix
from vocabx.core.corpus import Corpus
from vocabx.core.embeddings import Embeddings
from vocabx.core.say import Say, say_nothing
from vocabx.core.segmenter import Segmenter
from vocabx.core.tokens import TokenTable

__all__ = ["Donor", "Encoder", "Materials", "Parallel", "Transfer"]

Encoder = Callable[[Sequence[str]], NDArray[Any]]
"""Texts in, one vector each out: any function, such as a sentence encoder's."""


@dataclass(frozen=True)
class Donor:
    """Another model's tokenizer and input rows."""

    segmenter: Segmenter
    embeddings: Embeddings
    name: str


@dataclass(frozen=True)
class Parallel:
    """Two line-aligned files; `links` may name a file of word alignments (``0-0 1-2 ...``) that are already known."""

    source: Path
    target: Path
    links: Path | None = None


@dataclass(frozen=True)
class Materials:
    """What the user gave for methods to draw on; a method names in the table what it needs.

    Attributes
    ----------
    corpus, source_corpus : Corpus, optional
        Text in the target and in the source language.
    parallel : Parallel, optional
        Translated lines.
    dictionary : Path, optional
        Source-language words and their translations.
    source_vectors, target_vectors : Path, optional
        Word vectors of either language; the same file twice where one file serves both.
    encoder : callable, optional
        Gives a vector to any text.
    donor : Donor, optional
        Another model, whose input rows are vectors of its tokens.
    cache : Path, optional
        Folder that keeps vectors once trained.
    trust_pickle : bool
        Whether vector files that hold pickled objects may be opened; they can run code.
    """

    corpus: Corpus | None = None
    source_corpus: Corpus | None = None
    parallel: Parallel | None = None
    dictionary: Path | None = None
    source_vectors: Path | None = None
    target_vectors: Path | None = None
    encoder: Encoder | None = field(default=None, repr=False)
    donor: Donor | None = field(default=None, repr=False)
    cache: Path | None = None
    trust_pickle: bool = False


@dataclass(frozen=True)
class Transfer:
    """N new tokens that need rows, and all that is known when their rows are decided.

    Attributes
    ----------
    source, target : Segmenter
        The base's tokenizer (S ids) and the one that is written (T ids).
    new_ids : ndarray of int64, shape (N,)
        Ids of the target whose rows are to be made.
    usable : ndarray of bool, shape (S,)
        Source rows that may take part: text tokens whose rows are trained.
    seed : int
        Fixes every draw.
    materials : Materials
        What the user gave.
    input_rows, head_rows : ndarray of shape (S', D), S' >= S, optional
        The base's matrices in their stored type, for methods that learn from them; `head_rows` is None where the
        head is tied to the input.
    say : callable
        Is told what goes on.
    """

    source: Segmenter
    target: Segmenter
    new_ids: Ints
    usable: Bools
    seed: int = 0
    materials: Materials = Materials()
    input_rows: Matrix | None = field(default=None, repr=False)
    head_rows: Matrix | None = field(default=None, repr=False)
    say: Say = field(default=say_nothing, repr=False)

    @cached_property
    def new(self) -> TokenTable:
        """The table of the new tokens, renumbered from 0, shape (N,)."""
        return self.target.tokens.select(self.new_ids)

    @cached_property
    def shared(self) -> Ints:
        """For each target token the usable source id with the same bytes and word-initial flag, or -1; shape (T,)."""
        known, table = self.source.tokens.id_of_surface, self.target.tokens
        keys = zip(table.surfaces, table.word_initial.tolist(), strict=True)
        ids = np.fromiter((known.get(key, -1) for key in keys), np.int64, len(table))
        return np.where(table.is_text & (ids >= 0) & self.usable[ids], ids, -1)

    def generator(self, stream: int = 0) -> np.random.Generator:
        """Return a generator that the seed and `stream` fix."""
        return np.random.default_rng([self.seed, stream])

    def with_new_ids(self, new_ids: Ints) -> Transfer:
        """Return the same transfer for other tokens of the target."""
        return replace(self, new_ids=new_ids)
