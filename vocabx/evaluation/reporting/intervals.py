"""Intervals that say something: those of a handful of units do not, and are left out of what is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from vocabx.evaluation.harness.scores import PLAIN, WEIGHTED
from vocabx.evaluation.result import Result, Score

__all__ = ["drop_hollow_intervals"]


@dataclass(frozen=True, slots=True)
class Least:
    """How many units an interval must be of, and what they are called."""

    count: int
    units: str


NEEDED = {
    "bits-per-byte": Least(5, "documents"),
    "retention": Least(5, "documents"),
    "translate": Least(5, "lines"),
    "retrieval": Least(5, "pairs"),
    "ner": Least(5, "sentences"),
    # What is drawn are premises, and XNLI has three pairs of each.
    "xnli": Least(15, "pairs (5 premises)"),
    "xnli --finetune": Least(15, "pairs (5 premises)"),
    "speed": Least(2, "repeats"),
}
"""By kind of evaluation."""
OTHERWISE = Least(5, "items")

OF_POSITIONS = ("KL from the base, nats per token", "mass on new ids", "same likeliest token")
"""Metrics of retention whose items are predictions, while their interval is of the documents that kept their ids."""

Key = tuple[str, str, str]
"""Model, task and metric."""


def drop_hollow_intervals(result: Result) -> Result:
    """Return a result without intervals of too few units, and with a note that says so.

    Two documents, drawn with replacement, give one of three numbers: percentiles of these are no interval. What has
    no interval is left as it is, and so is what does not say how many units it is of.
    """
    least = NEEDED.get(result.kind, OTHERWISE)
    units = _units(result)
    hollow = {key for key, count in units.items() if count < least.count}
    if not hollow:
        return result
    scores = [
        replace(one, low=None, high=None, error=None) if (one.model, one.task, one.metric) in hollow else one
        for one in result.scores
    ]
    differences = [
        replace(one, low=None, high=None)
        if hollow & {(name, one.task, one.metric) for name in (one.model, one.against)}
        else one
        for one in result.differences
    ]
    bare = {
        old.task: None for old, new in zip(result.scores, scores, strict=True) if old != new and old.low is not None
    }
    if not bare:
        return replace(result, scores=scores, differences=differences)
    note = (
        f"No interval is shown for {', '.join(bare)}: fewer than {least.count} {least.units} do not tell how far a "
        "number would move."
    )
    return replace(result, scores=scores, differences=differences, notes=(*result.notes, note))


def _units(result: Result) -> Mapping[Key, int]:
    """Return how many units each number is of, where that is known."""
    if result.kind == "speed":
        repeats = result.settings.get("repeats")
        count = repeats if isinstance(repeats, int) else None
        return {} if count is None else {(one.model, one.task, one.metric): count for one in result.scores}
    units = {(one.model, one.task, one.metric): one.items for one in result.scores if one.items is not None}
    return {**units, **_kept_documents(result), **_least_of_averaged(result, units)}


def _kept_documents(result: Result) -> Mapping[Key, int]:
    if result.kind != "retention":
        return {}
    return {
        (one.model, one.task, metric): round(one.items * (1 - one.value))
        for one in result.scores
        if one.metric == "documents changed" and one.items is not None and 0 <= one.value <= 1
        for metric in OF_POSITIONS
    }


def _least_of_averaged(result: Result, units: Mapping[Key, int]) -> Mapping[Key, int]:
    """Return for each average over tasks the units of the smallest one."""
    averages = {f"{result.kind}, {name}" for name in (WEIGHTED, PLAIN)}

    def smallest(average: Score) -> int:
        return min(
            (count for (model, task, metric), count in units.items()
             if (model, metric) == (average.model, average.metric) and task not in averages),
            default=average.items or 0,
        )  # fmt: skip

    return {(one.model, one.task, one.metric): smallest(one) for one in result.scores if one.task in averages}
