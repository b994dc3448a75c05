"""Translation: how near models' translations of line-aligned texts are to the references, by chrF."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vocabx.checkpoint.sources.hub_options import HubOptions
from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.core.collection import give_back_memory
from vocabx.core.errors import InputError
from vocabx.core.report import Cell
from vocabx.core.say import Say, say_nothing, step
from vocabx.eval.chrf import Chrf, measure_chrf
from vocabx.eval.cost import Progress
from vocabx.eval.decoder import load_decoder
from vocabx.eval.harness.reader import refuse_encoder
from vocabx.eval.harness.tasks import require_harness
from vocabx.eval.harness.translation import Translations, new_tokens_for, translate
from vocabx.eval.translated_pairs import PROMPT, Direction
from vocabx.evaluation.context import (
    describe_device,
    describe_file,
    describe_model,
    installed,
    name_models,
    own_commit,
)
from vocabx.evaluation.result import Difference, EvaluatedModel, Result, Score
from vocabx.evaluation.translation_request import TranslationRequest

__all__ = ["evaluate_translation"]


@dataclass
class _Measured:
    """What one model made of every direction."""

    name: str
    answers: dict[str, Translations] = field(default_factory=dict)
    counts: dict[str, Chrf] = field(default_factory=dict)
    new_tokens: dict[str, int] = field(default_factory=dict)


def evaluate_translation(
    models: Sequence[str | Path],
    request: TranslationRequest,
    *,
    device: str | None = None,
    dtype: str = "float32",
    hub: HubOptions = HubOptions(),  # noqa: B008  frozen
    say: Say = say_nothing,
) -> Result:
    """Have models translate lines in lm-evaluation-harness, one model after the other, and compare them line by line.

    Parameters
    ----------
    models : sequence of str or Path
        Directories or hub ids of causal language models; the first is what others are compared with.
    request : TranslationRequest
    device, dtype : str, optional
        What to compute on, and in.
    hub : HubOptions
    say : callable
        Told what is being done.

    Raises
    ------
    VocabxError
        When a model is not a causal one, cannot be opened or has no EOS token, or the lines will not do.
    """
    require_harness()
    directions = request.directions()
    names = name_models(models)
    directories = [resolve_model(model, hub=hub) for model in models]
    described, measured = list[EvaluatedModel](), list[_Measured]()
    for name, directory in zip(names, directories, strict=True):
        start = time.perf_counter()
        measured.append(_measure(name, directory, directions, request, device, dtype, say))
        described.append(describe_model(name, directory, time.perf_counter() - start))
    return Result(
        "translate",
        described,
        [score for direction in directions for score in _scores(direction, measured, request.seed)],
        [one for direction in directions for one in _differences(direction, measured, request.seed)],
        data=[describe_file(path) for path in dict.fromkeys((*request.files, *request.examples))],
        settings=_settings(request, dtype),
        seed=request.seed,
        versions=installed(["lm_eval", "sacrebleu", "datasets"]),
        commit=own_commit(),
        device=describe_device(device),
        notes=[*_notes(request), *_limits(measured)],
    )


def _measure(
    name: str,
    directory: Path,
    directions: Sequence[Direction],
    request: TranslationRequest,
    device: str | None,
    dtype: str,
    say: Say,
) -> _Measured:
    say(f"opening {name}")
    refuse_encoder(directory)
    decoder = load_decoder(directory, dtype=dtype, device=device)
    if decoder.tokenizer.eos_token_id is None:
        raise InputError(f"{name} has no EOS token, so it cannot end a translation. Name one in its tokenizer.")
    measured = _Measured(name)
    for direction in directions:
        new_tokens = request.new_tokens or new_tokens_for(decoder, direction.pairs)
        answers = translate(
            decoder,
            direction,
            new_tokens=new_tokens,
            batch_size=request.batch_size,
            progress=_progress(f"{name} translates {direction.name}", say),
        )
        measured.new_tokens[direction.name] = new_tokens
        measured.answers[direction.name] = answers
        measured.counts[direction.name] = measure_chrf(answers.answers, direction.pairs.target)
    del decoder
    give_back_memory()
    return measured


def _progress(name: str, say: Say) -> Progress:
    return lambda done, total: say(step(name, f"{done} of {total}"))


def _scores(direction: Direction, measured: Sequence[_Measured], seed: int) -> Iterator[Score]:
    floor = measure_chrf(direction.pairs.source, direction.pairs.target).value
    for one in measured:
        interval = one.counts[direction.name].interval(np.random.default_rng(seed))
        scores, items = one.answers[direction.name].scores, len(direction.pairs)
        yield Score(
            one.name, direction.name, "chrF", scores["chrf"], interval.low, interval.high, floor=floor, items=items
        )
        yield Score(one.name, direction.name, "BLEU", scores["bleu"], items=items)


def _differences(direction: Direction, measured: Sequence[_Measured], seed: int) -> Iterator[Difference]:
    first, *others = measured
    for one in others:
        own, base = (model.counts[direction.name] for model in (one, first))
        interval = own.paired_difference(base, np.random.default_rng(seed))
        values = (interval.estimate, interval.low, interval.high)
        yield Difference(one.name, first.name, direction.name, "chrF", *values)


def _settings(request: TranslationRequest, dtype: str) -> dict[str, Cell]:
    return {
        "prompt": PROMPT.replace("\n", "\\n"),
        "few-shot": request.few_shot,
        "limit": request.limit,
        "new tokens": request.new_tokens or "by the references",
        "batch size": request.batch_size,
        "dtype": dtype,
    }


def _notes(request: TranslationRequest) -> list[str]:
    notes = [
        "chrF is the harness's (sacrebleu's defaults); its interval is of draws of lines. The floor is the chrF of the "
        "source lines themselves.",
        "BLEU is sacrebleu's with its tokenization 13a, which does not divide scripts without spaces.",
    ]
    if request.untranslated:
        notes.append(f"{request.untranslated:,} pairs were left out because a side is blank or both are the same.")
    if request.left_out:
        notes.append(f"{request.left_out:,} pairs were left out because a line of them is among the examples.")
    return notes


def _limits(measured: Sequence[_Measured]) -> Iterator[str]:
    """Yield how long the answers of each model may be; no settings, for they depend on the model."""
    for one in measured:
        listed = ", ".join(f"{tokens:,} ({direction})" for direction, tokens in one.new_tokens.items())
        yield f"The most new tokens of an answer of {one.name}: {listed}."
