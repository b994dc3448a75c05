"""Retention: what is left of the old language in a model whose vocabulary was changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from vocabx import __version__
from vocabx.checkpoint.sources.hub_options import HubOptions
from vocabx.comparison.results import fingerprint
from vocabx.core.errors import InputError
from vocabx.core.say import Say, say_nothing
from vocabx.eval.bootstrap import bootstrap_ratio
from vocabx.eval.retention import Retention, compare_predictions, keep_ids
from vocabx.evaluation.context import describe_device, installed, own_commit
from vocabx.evaluation.parts import NOT_KEPT, Parts
from vocabx.evaluation.result import EvaluatedModel, Result, Score
from vocabx.evaluation.text.cost_lines import CostLines
from vocabx.evaluation.text.document_scores import DocumentScores, Windows, pieces, score, telling
from vocabx.evaluation.text.documents import Documents, DocumentSettings, data_files, read_all
from vocabx.evaluation.text.language_models import LanguageModel, find_language_models

__all__ = ["evaluate_retention"]

COMPARED = (
    "Predictions are compared in documents whose ids are the same in both models, at every position: KL of the base "
    "from the model over the ids that both have, the probability that the model gives to all others, and how often "
    "the likeliest token is the same, where a new one may be the likeliest, too."
)
CHANGED = "Changed tokens are the base's, between what a document begins with and what it ends with in both tokenizers."


@dataclass(frozen=True)
class Compared:
    """A model against the base, over the documents of one text, and the seconds that comparing took."""

    documents: int
    kept: int
    tokens: int
    changed_tokens: int
    retention: dict[str, list[float]]
    seconds: float = 0.0

    def __add__(self, other: Compared) -> Compared:
        return Compared(
            self.documents + other.documents,
            self.kept + other.kept,
            self.tokens + other.tokens,
            self.changed_tokens + other.changed_tokens,
            {name: own + other.retention[name] for name, own in self.retention.items()},
            self.seconds + other.seconds,
        )

    @classmethod
    def of(cls, base: LanguageModel, model: LanguageModel, texts: Sequence[str], windows: Windows, name: str) -> Self:
        """Compare them."""
        kept = keep_ids(base.decoder, model.decoder, texts)
        chosen = [text for text, is_kept in zip(texts, kept.is_kept, strict=True) if is_kept]
        window, stride = windows.of_decoder
        if not chosen:
            return cls(len(texts), 0, kept.tokens, kept.changed_tokens, {key.name: [] for key in fields(Retention)})
        found = compare_predictions(
            base.decoder, model.decoder, chosen, window=window, stride=stride, progress=telling(model, name)
        )
        lists = {key: array.tolist() for key, array in asdict(found).items()}
        return cls(len(texts), len(chosen), kept.tokens, kept.changed_tokens, lists)

    @property
    def arrays(self) -> Retention:
        """The numbers of each document that kept its ids."""
        return Retention(**{name: np.array(numbers) for name, numbers in self.retention.items()})


def evaluate_retention(
    models: Sequence[str | Path],
    texts: Sequence[str],
    *,
    documents: DocumentSettings = DocumentSettings(),  # noqa: B008  frozen
    windows: Windows = Windows(),  # noqa: B008  frozen
    device: str | None = None,
    dtype: str = "float32",
    hub: HubOptions = HubOptions(),  # noqa: B008  frozen
    parts: Parts = NOT_KEPT,
    say: Say = say_nothing,
) -> Result:
    """Measure how far models are from their base on text in the base's language.

    Parameters
    ----------
    models : sequence of str or Path
        The base, and causal models that were made of it.
    texts, documents, windows, device, dtype, hub, parts, say
        As in `evaluate_bits_per_byte`.

    Returns
    -------
    Result
        Bits per byte of each model with paired differences from the base, as `evaluate_bits_per_byte` gives them; the
        shares of documents and tokens whose ids changed; and over documents whose ids did not, KL(base || model) for
        a prediction in nats, the mass on new ids, and the agreement of the likeliest token, with bootstrap intervals
        over documents.

    Raises
    ------
    InputError
        When there is one model alone, or one of them does not read from left to right.
    """
    if len(models) < 2:
        raise InputError("Retention compares models with their base. Name the base first, and then at least one model.")
    read = read_all(texts, documents)
    found = find_language_models(models, hub=hub, dtype=dtype, device=device, say=say)
    for model in found:
        if model.is_masked:
            raise InputError(f"{model.directory} is a masked language model; retention compares causal ones.")
    measured, described, lines = dict[tuple[str, str], DocumentScores](), list[EvaluatedModel](), list[Score]()
    notes = [COMPARED, CHANGED, *(note for text in read for note in text.notes)]
    for model in found:
        seconds = 0.0
        for text in read:
            measured[text.label, model.name] = score(model, text, windows, parts)
            seconds += measured[text.label, model.name].seconds
            if model is not found[0]:
                compared = _compare(found[0], model, text, windows, parts)
                seconds += compared.seconds
                lines += _scores(model.name, text.label, compared, documents.seed)
                notes += _notes(model.name, text.label, compared)
        described.append(replace(model.described, seconds=seconds))
        if model is not found[0]:
            model.let_go()
    costs = CostLines([model.name for model in found], [text.label for text in read], measured, documents.seed)
    return Result(
        "retention",
        described,
        [*costs.scores(), *lines],
        list(costs.differences()),
        data=data_files(read),
        settings={**documents.facts(read), **windows.facts, "dtype": dtype},
        seed=documents.seed,
        versions=installed(),
        commit=own_commit(),
        device=describe_device(device),
        notes=[*costs.notes(windows), *notes],
    )


def _compare(base: LanguageModel, model: LanguageModel, text: Documents, windows: Windows, parts: Parts) -> Compared:
    found = []
    for texts, name in pieces(text, f"{model.name} beside {base.name}, {text.label}"):
        checksums = (base.described.checksum, model.described.checksum)
        mark = fingerprint("kept", __version__, *checksums, model.dtype, model.device, windows.of_decoder, *texts)
        work = partial(_compare_texts, base, model, texts, windows, name)
        part = parts.recall(mark, work)
        found.append(Compared(**{**part.content, "seconds": part.seconds}))
    total = found[0]
    for piece in found[1:]:
        total += piece
    return total


def _compare_texts(
    base: LanguageModel, model: LanguageModel, texts: Sequence[str], windows: Windows, name: str
) -> dict[str, Any]:
    return asdict(Compared.of(base, model, texts, windows, name))


def _scores(name: str, label: str, compared: Compared, seed: int) -> Iterator[Score]:
    changed = compared.documents - compared.kept
    yield Score(name, label, "documents changed", changed / compared.documents, items=compared.documents)
    yield Score(name, label, "tokens changed", compared.changed_tokens / compared.tokens, items=compared.documents)
    found = compared.arrays
    is_compared = found.positions > 0
    positions = found.positions[is_compared]
    metrics = {
        "KL from the base, nats per token": found.divergence,
        "mass on new ids": found.new_mass,
        "same likeliest token": found.positions - found.flips,
    }
    for metric, sums in metrics.items() if len(positions) else ():
        ratio = bootstrap_ratio(sums[is_compared].astype(np.float64), positions, np.random.default_rng(seed))
        yield Score(name, label, metric, ratio.estimate, ratio.low, ratio.high, items=int(positions.sum()))


def _notes(name: str, label: str, compared: Compared) -> Iterator[str]:
    if not compared.kept:
        yield f"{name}, {label}: no document kept all its ids, so no predictions can be compared."
    if ties := sum(compared.retention["ties"]):
        yield f"{name}, {label}: {ties:,.0f} ties, of tokens that a model holds equally likely, count as the same."
