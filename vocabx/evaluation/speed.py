"""Speed: what users feel of a vocabulary, measured on models side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from vocabx.checkpoint.sources.hub_options import HubOptions
from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.core.say import Say, say_nothing, step
from vocabx.eval.decoder import load_decoder
from vocabx.eval.harness.reader import refuse_encoder
from vocabx.eval.speed import Range, Seconds, Speed, measure_speeds
from vocabx.evaluation.context import (
    describe_device,
    describe_file,
    describe_model,
    installed,
    name_models,
    own_commit,
)
from vocabx.evaluation.result import Result, Score
from vocabx.evaluation.speed_request import SpeedRequest
from vocabx.evaluation.speed_texts import fit_texts

__all__ = ["evaluate_speed"]

WAY = "every text is written token by token with a cache, its own tokens instead of the model's choices"


def evaluate_speed(
    models: Sequence[str | Path],
    request: SpeedRequest,
    *,
    device: str | None = None,
    dtype: str = "float32",
    hub: HubOptions = HubOptions(),  # noqa: B008  frozen
    say: Say = say_nothing,
) -> Result:
    """Measure how fast models write and read the same text, and what they keep of it.

    Parameters
    ----------
    models : sequence of str or Path
        Directories or hub ids of causal language models; the first is what others are compared with.
    request : SpeedRequest
    device, dtype : str, optional
        What to compute on, and in.
    hub : HubOptions
    say : callable
        Told what is being done.

    Raises
    ------
    VocabxError
        When a model is not a causal one or cannot be opened, or the text will not do. One that is longer than a context
        is found before any weights are read.
    """
    request.draw()  # what is wrong with the text is better said before models are downloaded
    names = name_models(models)
    directories = [resolve_model(model, hub=hub) for model in models]
    for directory in directories:
        refuse_encoder(directory)
    drawn = fit_texts(request, names, directories)
    texts, decoders = drawn.texts, []
    for name, directory in zip(names, directories, strict=True):
        say(f"opening {name}")
        decoders.append(load_decoder(directory, dtype=dtype, device=device))
    speeds = measure_speeds(
        decoders,
        texts,
        batch_size=request.batch_size,
        repeats=request.repeats,
        progress=lambda done, total: say(step("measuring", f"batch {done} of {total}")),
    )
    described = [
        describe_model(name, directory, float((speed.writing + speed.reading).sum()))
        for name, directory, speed in zip(names, directories, speeds, strict=True)
    ]
    return Result(
        "speed",
        described,
        [score for name, speed in zip(names, speeds, strict=True) for score in _scores(name, speed, speeds[0], texts)],
        data=[describe_file(path) for path in request.corpus.files],
        settings=_settings(request, drawn.characters, speeds[0], dtype, len(texts)),
        seed=request.seed,
        versions=installed(),
        commit=own_commit(),
        device=describe_device(device),
        notes=[*_notes(names, speeds, request.repeats), *drawn.notes],
    )


def _scores(name: str, own: Speed, first: Speed, texts: Sequence[str]) -> Iterator[Score]:
    def spread(task: str, metric: str, values: Seconds) -> Score:
        one = Range.of(values)
        return Score(name, task, metric, one.median, one.low, one.high, items=len(texts))

    def exact(task: str, metric: str, value: float) -> Score:
        return Score(name, task, metric, value, items=len(texts))

    yield spread("writing", "characters per second", own.characters_per_second)
    yield spread("writing", "tokens per second", own.tokens_per_second)
    yield spread("writing", "speed-up", first.writing / own.writing)
    yield exact("writing", "characters per step", own.characters_per_step)
    yield spread("reading", "bytes per second", own.bytes_per_second)
    yield spread("reading", "speed-up", first.reading / own.reading)
    yield exact("cache", "bytes per character", own.cache_bytes_per_character)
    yield exact("cache", "share of the first", own.cache / first.cache)
    yield exact("text", "tokens per character", own.tokens_per_character)
    yield exact("text", "share of the first", own.tokens / first.tokens)


def _settings(request: SpeedRequest, characters: int, speed: Speed, dtype: str, texts: int) -> dict[str, str | int]:
    return {
        "texts": texts,
        "characters": speed.characters,
        "characters of each text": characters,
        "minimum characters": request.minimum_characters,
        "batch size": request.batch_size,
        "repeats": request.repeats,
        "dtype": dtype,
        "writing": WAY,
    }


def _notes(names: Sequence[str], speeds: Sequence[Speed], repeats: int) -> list[str]:
    notes = [
        f"Speeds are medians of {repeats} repeats, with the slowest and the fastest; models take turns batch by batch.",
        "A speed-up compares a model with the first one in the same repeat.",
        "A step is one run of a model, for a whole batch, which waits for the text that has most tokens.",
    ]
    for name, speed in zip(names, speeds, strict=True):
        if speed.expected_cache not in (None, speed.cache):
            notes.append(
                f"The cache of {name} holds {speed.cache:,} bytes, where its configuration makes one expect "
                f"{speed.expected_cache:,}."
            )
    return notes
