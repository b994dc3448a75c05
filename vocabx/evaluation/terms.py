"""Terms: what the metrics and the columns of results mean, in one place for reports, pictures and the README."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = ["COLUMNS", "DEVIATION", "METRICS", "SEED", "Term", "explain", "find_term"]

SEED, DEVIATION = "..., seed N", "..., deviation over seeds"
"""Metrics of which there is one for each metric of an evaluation that trains."""
VARIANTS = {SEED: re.compile(r".+, seed -?\d+"), DEVIATION: re.compile(r".+, deviation over seeds")}


@dataclass(frozen=True, slots=True)
class Term:
    """What a metric means; `better` is "more", "less" or nothing."""

    meaning: str
    better: str = ""


COLUMNS = {
    "[low, high]": "95 % interval: where the number would mostly lie, had other documents or questions been drawn; of "
    "speeds, the slowest and the fastest repeat",
    "± error": "the standard error, where there is no interval",
    "floor": "what takes no skill: the best constant answer, drawing blindly (retrieval), the untranslated line "
    "(chrF); a model near it has learned nothing of the task",
    "items": "how many documents, questions, sentences or tokens the number is of",
    "minus": "the model that is subtracted: the first one",
    "difference": "`model` less `minus`, on the same items",
    "clear": "yes where the interval of a difference leaves out 0, so that chance alone hardly explains it",
    "checksum": "of settings, tokenizer and weights: the same checksum is the same model",
    "revision": "the commit on the hub",
    "seconds": "what the evaluation of the model took; of several results, all of them together",
}
"""The columns of the tables, and what stands behind numbers."""

METRICS = {
    "bits per byte": Term("what the text costs the model, per byte; it compares models whatever their tokens", "less"),
    "bits per byte, old tokens": Term("bits per byte of the bytes that old tokens spell", "less"),
    "bits per byte, new tokens": Term("bits per byte of the bytes that new tokens spell", "less"),
    "share of new tokens": Term("how many of the text's tokens are new ones"),
    "tokens per byte": Term("tokens that a byte of text takes", "less"),
    "tokens per character": Term("tokens that a character of text takes", "less"),
    "tokens per word": Term("tokens that a word of text takes", "less"),
    "words of one token": Term("the share of words that are one token", "more"),
    "byte fallback": Term("the share of tokens that are only parts of a character", "less"),
    "unknown tokens": Term("the share of tokens that stand for text the tokenizer cannot spell", "less"),
    "characters with a token": Term("the share of characters that have a token of their own", "more"),
    "documents changed": Term("the share of documents whose ids are not the base's", "less"),
    "tokens changed": Term("the share of the base's tokens that became other ids", "less"),
    "KL from the base, nats per token": Term(
        "how far the model's predictions are from the base's, over the ids that both have; 0 is the same", "less"
    ),
    "mass on new ids": Term("the probability that the model gives to new tokens where old text goes on", "less"),
    "same likeliest token": Term(
        "top-1 agreement: how often model and base hold the same token likeliest; all others are flips", "more"
    ),
    "characters per second": Term("characters of text written in a second", "more"),
    "tokens per second": Term("tokens written in a second; they are not equally long in all models"),
    "bytes per second": Term("bytes of text read in a second", "more"),
    "speed-up": Term("how many times as fast as the first model, on the same text", "more"),
    "characters per step": Term("characters written in one run of the model", "more"),
    "bytes per character": Term("memory that the model keeps of a character of text (keys and values)", "less"),
    "share of the first": Term("this number divided by that of the first model", "less"),
    "chrF": Term("how many runs of characters translation and reference share, from 0 to 100", "more"),
    "BLEU": Term("how many runs of words they share, from 0 to 100; of no use in scripts without spaces", "more"),
    "acc": Term("accuracy: how often the right answer is the likeliest", "more"),
    "acc_norm": Term("accuracy by likelihood per character, so that short answers have no advantage", "more"),
    "acc_bytes": Term("accuracy by likelihood per byte, so that short answers have no advantage", "more"),
    "macro_f1": Term("the mean of the F1 of each possible answer, so that rare answers count as much", "more"),
    "accuracy": Term("the share of right answers", "more"),
    "entity F1": Term("F1 of whole entities: 1 where all are found and nothing else is", "more"),
    "top-1": Term("how often the nearest sentence is the translation", "more"),
    "top-10": Term("how often the translation is among the ten nearest sentences", "more"),
    SEED: Term("the number of one training"),
    DEVIATION: Term("the standard deviation over trainings with other seeds"),
}
"""All metrics that a result can hold, in the order in which they are explained."""


def find_term(metric: str) -> Term | None:
    """Return what a metric means; None where it is none of ours.

    >>> find_term("acc").better, find_term("accuracy, seed 3") is METRICS[SEED], find_term("taste")
    ('more', True, None)
    """
    return METRICS.get(_entry(metric))


def explain(metrics: Iterable[str], columns: Iterable[str] = ()) -> Iterator[str]:
    """Yield a line for each of some columns, and for each metric.

    >>> list(explain(["top-1"]))
    ['top-1 (more is better): how often the nearest sentence is the translation.']
    """
    for column in columns:
        yield f"{column}: {COLUMNS[column]}."
    shown = set(map(_entry, metrics))
    for name, term in METRICS.items():
        if name in shown:
            side = f" ({term.better} is better)" if term.better else ""
            yield f"{name}{side}: {term.meaning}."


def _entry(metric: str) -> str:
    if metric in METRICS:
        return metric
    return next((name for name, pattern in VARIANTS.items() if pattern.fullmatch(metric)), metric)
