"""Bits per byte: how well language models predict documents, whatever their vocabularies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vocabx.checkpoint.sources.hub_options import HubOptions
from vocabx.core.say import Say, say_nothing
from vocabx.evaluation.context import describe_device, installed, own_commit
from vocabx.evaluation.parts import NOT_KEPT, Parts
from vocabx.evaluation.result import EvaluatedModel, Result
from vocabx.evaluation.text.cost_lines import CostLines
from vocabx.evaluation.text.document_scores import DocumentScores, Windows, score
from vocabx.evaluation.text.documents import DocumentSettings, data_files, read_all
from vocabx.evaluation.text.language_models import find_language_models

__all__ = ["evaluate_bits_per_byte"]


def evaluate_bits_per_byte(
    models: Sequence[str | Path],
    texts: Sequence[str],
    *,
    documents: DocumentSettings = DocumentSettings(),  # noqa: B008  frozen
    windows: Windows = Windows(),  # noqa: B008  frozen
    masked: bool = False,
    device: str | None = None,
    dtype: str = "float32",
    hub: HubOptions = HubOptions(),  # noqa: B008  frozen
    parts: Parts = NOT_KEPT,
    say: Say = say_nothing,
) -> Result:
    """Measure the bits that models charge for a byte of documents.

    Parameters
    ----------
    models : sequence of str or Path
        Directories or hub ids of causal or masked language models; others are compared with the first.
    texts : sequence of str
        ``[LABEL=]PATH`` each: a file, directory or pattern, and what the result calls it.
    documents : DocumentSettings
        What a document is, and which are read; the seed is also that of the intervals.
    windows : Windows
        How much is read at once.
    masked : bool
        Take all models for masked ones; else those are whose configuration says so.
    device, dtype : str, optional
        What to compute on, and in.
    hub : HubOptions
    parts : Parts
        Keeps what was measured until the result is written.
    say : callable
        Told what is being done.

    Returns
    -------
    Result
        For each text and model the bits per byte (summed nats over summed UTF-8 bytes, by log 2) with a bootstrap
        interval over documents, and by age of the token where vocabx wrote the model. Differences are paired, and
        there are none between a causal and a masked model.
    """
    read = read_all(texts, documents)
    found = find_language_models(models, hub=hub, dtype=dtype, device=device, say=say, masked=masked)
    measured, described = dict[tuple[str, str], DocumentScores](), list[EvaluatedModel]()
    for model in found:
        scores = {(text.label, model.name): score(model, text, windows, parts) for text in read}
        measured |= scores
        described.append(replace(model.described, seconds=sum(one.seconds for one in scores.values())))
        model.let_go()
    lines = CostLines([model.name for model in found], [text.label for text in read], measured, documents.seed)
    return Result(
        "bits-per-byte",
        described,
        list(lines.scores()),
        list(lines.differences()),
        data=data_files(read),
        settings={**documents.facts(read), **windows.facts, "dtype": dtype},
        seed=documents.seed,
        versions=installed(),
        commit=own_commit(),
        device=describe_device(device),
        notes=[*lines.notes(windows), *(note for text in read for note in text.notes)],
    )
