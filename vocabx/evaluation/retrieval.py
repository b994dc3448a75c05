"""Retrieval: whether the sentence that a model puts nearest in the other language is the translation."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vocabx.checkpoint.sources.hub_options import HubOptions
from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.core.arrays import Bools
from vocabx.core.errors import InputError
from vocabx.core.report import Cell
from vocabx.core.say import Say, say_nothing
from vocabx.eval.bootstrap import Interval, bootstrap_ratio
from vocabx.eval.encoder import Encoder, load_encoder
from vocabx.eval.retrieval import Direction, Retrieval, distinct_pairs, measure_retrieval
from vocabx.evaluation.context import (
    describe_device,
    describe_file,
    describe_model,
    installed,
    name_models,
    own_commit,
)
from vocabx.evaluation.result import Difference, Result, Score
from vocabx.evaluation.text.aligned import read_side

__all__ = ["RetrievalRequest", "evaluate_retrieval", "middle_layer"]

MIDDLE = 7 / 12
"""OFA takes layer 7 of the 12 of XLM-R; other models give the layer that lies as deep."""

DIRECTIONS = {"target to source": "to_source", "source to target": "to_target"}
METRICS = {"top-1": ("is_first", 1), "top-10": ("is_among_ten", 10)}
"""By name: the hits of a `Direction`, and among how many sentences the translation may be."""


@dataclass(frozen=True, slots=True)
class RetrievalRequest:
    """What is searched.

    Attributes
    ----------
    source, target : Path
        Line n of one translates line n of the other; of a ``.tsv`` file the column `column` is read.
    limit : int, optional
        How many pairs are drawn; all without it.
    layer : int, optional
        Whose states are compared: 0 is the embedding, -1 the last layer. Without it the one that lies 7/12 deep.
    prefix : str
        Put before each sentence, such as ``"query: "`` for multilingual E5.
    seed : int
        Of the drawing and of the intervals.
    """

    source: Path
    target: Path
    limit: int | None = None
    column: str = ""
    layer: int | None = None
    prefix: str = ""
    seed: int = 0

    def draw(self) -> tuple[list[str], list[str]]:
        """Return targets and sources, drawn from the pairs that differ and are there once, in the order of the files.

        Raises
        ------
        InputError
            When a file cannot be read, they are not line-aligned, or there are not so many pairs.
        """
        columns = [self.column] if self.column else []
        sides = [read_side(file, columns) for file in (self.target, self.source)]
        if len(sides[0]) != len(sides[1]):
            raise InputError(
                f"{self.target} and {self.source} are not line-aligned: {len(sides[0]):,} and {len(sides[1]):,} lines."
            )
        pairs = list(zip(*distinct_pairs(*sides), strict=True))
        wanted = len(pairs) if self.limit is None else self.limit
        if not 0 < wanted <= len(pairs):
            raise InputError(
                f"{self.target} and {self.source} have {len(pairs):,} pairs that differ and are there once; "
                f"{max(wanted, 1):,} are needed."
            )
        chosen = np.random.default_rng(self.seed).choice(len(pairs), wanted, replace=False)
        drawn = [pairs[index] for index in sorted(chosen)]
        return [target for target, _ in drawn], [source for _, source in drawn]


def middle_layer(layers: int) -> int:
    """Return the layer that lies as deep as layer 7 of 12.

    >>> [middle_layer(layers) for layers in (2, 6, 12, 24)]
    [1, 4, 7, 14]
    """
    return round(MIDDLE * layers)


def evaluate_retrieval(
    models: Sequence[str | Path],
    request: RetrievalRequest,
    *,
    device: str | None = None,
    dtype: str = "float32",
    hub: HubOptions = HubOptions(),  # noqa: B008  frozen
    say: Say = say_nothing,
) -> Result:
    """Search the translation of each sentence among all of the other language, by the cosine of mean states.

    Both ways, with the share of sentences whose translation is the nearest (top-1) or among the ten nearest. A sentence
    as near as the translation counts as nearer. Intervals and differences are of draws of sentences, the same ones for
    all models; the floor is what drawing blindly gets.

    Parameters
    ----------
    models : sequence of str or Path
        Directories or hub ids; the first is what others are compared with. A causal model will do, too.
    request : RetrievalRequest
    device, dtype : str, optional
        What to compute on, and in.
    hub : HubOptions
    say : callable
        Told what is being done.

    Raises
    ------
    VocabxError
        When a model cannot be opened or has no such layer, or the files will not do.
    """
    target, source = request.draw()
    names = name_models(models)
    directories = [resolve_model(model, hub=hub) for model in models]
    found, described, depths = list[Retrieval](), [], []
    for name, directory in zip(names, directories, strict=True):
        say(f"embedding the sentences with {name}")
        begin = time.perf_counter()
        encoder = load_encoder(directory, dtype=dtype, device=device)
        layer, depth = _layer(encoder, request.layer)
        found.append(measure_retrieval(encoder, target, source, prefix=request.prefix, layer=layer))
        described.append(describe_model(name, directory, time.perf_counter() - begin))
        depths.append(f"{name}: layer {depth}.")
    return Result(
        "retrieval",
        tuple(described),
        tuple(score for name, one in zip(names, found, strict=True) for score in _scores(name, one, request.seed)),
        tuple(
            difference
            for name, one in zip(names[1:], found[1:], strict=True)
            for difference in _differences(name, one, names[0], found[0], request.seed)
        ),
        tuple(describe_file(file) for file in (request.source, request.target)),
        _settings(request, len(target), dtype),
        request.seed,
        installed(["faiss-cpu"]),
        own_commit(),
        describe_device(device),
        tuple(depths),
    )


def _layer(encoder: Encoder, asked: int | None) -> tuple[int, str]:
    """Return the number of the layer, and how to spell it."""
    layers = int(encoder.model.config.get_text_config().num_hidden_layers)
    layer = middle_layer(layers) if asked is None else asked
    if not -layers <= layer + 1 <= layers + 1:
        raise InputError(f"The model has {layers} layers, and none has number {layer}.")
    return layer, f"{layer if layer >= 0 else layers + 1 + layer} of {layers}"


def _scores(name: str, found: Retrieval, seed: int) -> Iterator[Score]:
    for task, metric, hits, among in _hits(found):
        share = _interval(hits.astype(np.float64), seed)
        floor = min(among / found.pairs, 1.0)
        yield Score(name, task, metric, share.estimate, share.low, share.high, floor, found.pairs)


def _differences(name: str, found: Retrieval, against: str, other: Retrieval, seed: int) -> Iterator[Difference]:
    for (task, metric, hits, _), (_, _, others, _) in zip(_hits(found), _hits(other), strict=True):
        gained = _interval(hits.astype(np.float64) - others, seed)
        yield Difference(name, against, task, metric, gained.estimate, gained.low, gained.high)


def _hits(found: Retrieval) -> Iterator[tuple[str, str, Bools, int]]:
    for task, way in DIRECTIONS.items():
        direction: Direction = getattr(found, way)
        for metric, (hits, among) in METRICS.items():
            yield task, metric, getattr(direction, hits), among


def _interval(values: np.ndarray[tuple[int], np.dtype[np.float64]], seed: int) -> Interval:
    return bootstrap_ratio(values, np.ones(len(values)), np.random.default_rng(seed))


def _settings(request: RetrievalRequest, pairs: int, dtype: str) -> dict[str, Cell]:
    return {
        "pairs": pairs,
        "limit": request.limit,
        "layer": "7/12 deep" if request.layer is None else request.layer,
        "prefix": request.prefix or None,
        "column": request.column or None,
        "dtype": dtype,
    }
