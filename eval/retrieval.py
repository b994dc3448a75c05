"""Retrieval: how often the nearest sentence of the other language is the translation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vocabx.core.arrays import Bools, Floats
from vocabx.core.errors import InputError
from vocabx.core.neighbours import nearest_by_cosine
from vocabx.eval.encoder import Encoder, load_encoder

__all__ = ["Direction", "Retrieval", "distinct_pairs", "measure_retrieval", "retrieval", "search_both_ways"]

FOUND_AMONG = 10


@dataclass(frozen=True)
class Direction:
    """For each of P sentences, whether its translation is the nearest, and whether it is among the ten nearest.

    Both arrays have shape (P,). A sentence that is as near as the translation counts as nearer, so vectors that are all
    alike find nothing.
    """

    is_first: Bools
    is_among_ten: Bools

    @property
    def top_1(self) -> float:
        """Share of the sentences whose nearest is the translation."""
        return float(self.is_first.mean())

    @property
    def top_10(self) -> float:
        """Share of the sentences with the translation among the ten nearest."""
        return float(self.is_among_ten.mean())


@dataclass(frozen=True)
class Retrieval:
    """Retrieval from the target language to the source language, and back."""

    to_source: Direction
    to_target: Direction

    @property
    def pairs(self) -> int:
        """How many sentences there are on each side."""
        return len(self.to_source.is_first)


def distinct_pairs(target: Sequence[str], source: Sequence[str]) -> tuple[list[str], list[str]]:
    """Keep line-aligned pairs of which neither side is blank, the same as the other, or there in an earlier pair."""
    if len(target) != len(source):
        raise InputError(f"The two sides are not line-aligned: {len(target)} and {len(source)} lines.")
    seen: tuple[set[str], set[str]] = (set(), set())
    kept = list[tuple[str, str]]()
    for pair in zip(target, source, strict=True):
        is_new = all(text.strip() and text not in known for text, known in zip(pair, seen, strict=True))
        if is_new and pair[0] != pair[1]:
            kept.append(pair)
            for text, known in zip(pair, seen, strict=True):
                known.add(text)
    return [pair[0] for pair in kept], [pair[1] for pair in kept]


def retrieval(
    model_directory: Path,
    target: Sequence[str],
    source: Sequence[str],
    *,
    prefix: str = "",
    layer: int = -1,
    dtype: str = "float32",
) -> Retrieval:
    """Open a model directory (safetensors, with its tokenizer) and measure it as `measure_retrieval` does."""
    return measure_retrieval(load_encoder(model_directory, dtype=dtype), target, source, prefix=prefix, layer=layer)


def measure_retrieval(
    encoder: Encoder, target: Sequence[str], source: Sequence[str], *, prefix: str = "", layer: int = -1
) -> Retrieval:
    """Search each sentence's translation among all sentences of the other side, by the cosine of mean states.

    Parameters
    ----------
    encoder : Encoder
    target, source : sequence of str
        Line n of one translates line n of the other; no line is there twice (see `distinct_pairs`).
    prefix, layer
        As in `Encoder.embed`.
    """
    if not target or len(target) != len(source):
        raise InputError(f"Retrieval needs as many lines on both sides, at least one: {len(target)} and {len(source)}.")
    for name, lines in (("target", target), ("source", source)):
        if len(set(lines)) < len(lines):
            raise InputError(f"A line of the {name} side is there twice, so its translation is not one line.")
    vectors = (encoder.embed(lines, prefix=prefix, layer=layer) for lines in (target, source))
    return search_both_ways(*vectors)


def search_both_ways(target: Floats, source: Floats) -> Retrieval:
    """Search row n of each matrix (P, D) among the rows of the other."""
    return Retrieval(_search(target, source), _search(source, target))


def _search(queries: Floats, keys: Floats) -> Direction:
    # One more than ten: the eleventh tells whether the tenth is as near as those that were cut off.
    ids, cosines = nearest_by_cosine(queries, keys, FOUND_AMONG + 1)
    is_own = ids == np.arange(len(queries))[:, None]
    own = np.where(is_own, cosines, np.inf).min(axis=1, keepdims=True)
    as_near = (cosines >= own).sum(axis=1)
    is_found = is_own.any(axis=1)
    return Direction(is_found & (as_near == 1), is_found & (as_near <= FOUND_AMONG))
