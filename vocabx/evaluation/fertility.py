"""Fertility: how many tokens the tokenizers of models spend on texts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from vocabx.checkpoint.sources.hub_options import HubOptions
from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.core.say import Say, say_nothing
from vocabx.core.segmenter import Segmenter
from vocabx.eval.coverage import Coverage, count_characters, measure_coverage
from vocabx.eval.fertility import Fertility, measure_fertility
from vocabx.evaluation.context import describe_model, installed, name_models, own_commit
from vocabx.evaluation.result import Difference, EvaluatedModel, Result, Score
from vocabx.evaluation.text.documents import Documents, DocumentSettings, data_files, read_all
from vocabx.tokenizer_tools.read import read_tokenizer

__all__ = ["evaluate_fertility"]

DOCUMENTS_AT_ONCE = 1024
COMPARED = ("tokens per character", "tokens per byte", "tokens per word")
"""Whose differences from the first model are given."""

Measured = Mapping[tuple[str, str], tuple[Fertility, Coverage]]
"""By text and model."""


def evaluate_fertility(
    models: Sequence[str | Path],
    texts: Sequence[str],
    *,
    documents: DocumentSettings = DocumentSettings(),  # noqa: B008  frozen
    hub: HubOptions = HubOptions(),  # noqa: B008  frozen
    say: Say = say_nothing,
) -> Result:
    """Count what tokenizers make of texts, as `vocabx tokenizer audit` does, and keep it as a result.

    Parameters
    ----------
    models : sequence of str or Path
        Directories of models or of tokenizers alone, or hub ids; others are compared with the first.
    texts : sequence of str
        ``[LABEL=]PATH`` each.
    documents : DocumentSettings
        Which documents of them are read. A tokenizer may make other tokens of a paragraph than of its lines.
    hub : HubOptions
    say : callable
        Told what is being done.

    Returns
    -------
    Result
        By text and model: tokens for a character, byte and word; the shares of words that are one token, of tokens
        that are no whole characters, of unknown tokens, and of characters that have a token of their own.
    """
    read = read_all(texts, documents)
    names = name_models(models)
    measured, described = dict[tuple[str, str], tuple[Fertility, Coverage]](), list[EvaluatedModel]()
    for name, place in zip(names, models, strict=True):
        directory = resolve_model(place, weights=False, hub=hub)
        begin = perf_counter()
        segmenter = read_tokenizer(directory)
        for text in read:
            say(f"{name} segments {text.label}")
            measured[text.label, name] = _measure(segmenter, text)
        described.append(replace(describe_model(name, directory), seconds=perf_counter() - begin))
    return Result(
        "fertility",
        described,
        [score for (label, name), found in measured.items() for score in _scores(label, name, *found)],
        list(_differences(names, [text.label for text in read], measured)),
        data=data_files(read),
        settings=documents.facts(read),
        seed=None if documents.limit is None else documents.seed,
        versions=installed(),
        commit=own_commit(),
        device="CPU",
        notes=[
            "Special tokens are not counted.",
            "The byte fallback is the share of tokens that are not whole characters, in any kind of tokenizer.",
            *(note for text in read for note in text.notes),
        ],
    )


def _measure(segmenter: Segmenter, text: Documents) -> tuple[Fertility, Coverage]:
    places = range(0, len(text.texts), DOCUMENTS_AT_ONCE)
    batches = [text.texts[place : place + DOCUMENTS_AT_ONCE] for place in places]
    return measure_fertility(segmenter, batches), measure_coverage(segmenter.tokens, count_characters(batches))


def _ratios(found: Fertility) -> dict[str, float]:
    return {
        "tokens per character": found.tokens_per_character,
        "tokens per byte": found.tokens_per_byte,
        "tokens per word": found.tokens_per_word,
        "words of one token": found.single_token_word_share,
        "byte fallback": found.byte_fallback_share,
        "unknown tokens": found.unknown_share,
    }


def _scores(label: str, name: str, fertility: Fertility, coverage: Coverage) -> Iterator[Score]:
    values = {**_ratios(fertility), "characters with a token": coverage.occurrence_share}
    for metric, value in values.items():
        if not math.isnan(value):
            yield Score(name, label, metric, value, items=fertility.lines)


def _differences(names: Sequence[str], labels: Sequence[str], measured: Measured) -> Iterator[Difference]:
    first, *others = names
    for label in labels:
        base = _ratios(measured[label, first][0])
        for name in others:
            own = _ratios(measured[label, name][0])
            for metric in COMPARED:
                yield Difference(name, first, label, metric, own[metric] - base[metric])
