"""The account of a finished pipeline: documents and bytes of each stage, seconds, and why documents were dropped."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from corpus_pipeline.phases import Phase
from corpus_pipeline.step import METER
from vocabx.core.report import Report, Table

__all__ = ["Account", "StageAccount", "read_account", "tabulate"]

MEGABYTE = 1e6
REASONS_SHOWN = 4

# The last three are pages of web archives of which no text was made.
REASONS = ("dropped_", "line_", "line-filter-", "changed", "timeout", "broken_process", "clean_error")


@dataclass
class StageAccount:
    """What entered and left a stage, the seconds of all its tasks, and counts of what it did."""

    stage: str
    documents_in: int
    bytes_in: int
    documents: int = 0
    bytes: int = 0
    seconds: float = 0.0
    reasons: dict[str, int] = field(default_factory=dict)
    measures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Account:
    """All stages in their order; reading has nothing before it."""

    stages: Sequence[StageAccount]

    @property
    def last(self) -> StageAccount:
        """The stage that wrote."""
        return self.stages[-1]


def read_account(phases: Sequence[Phase], logs: Path) -> Account:
    """Add up what the tasks of all phases counted."""
    stages: dict[str, StageAccount] = {}
    before: StageAccount | None = None
    for phase in phases:
        upstream = rest = 0.0
        reasons, measures = Counter[str](), dict[str, Any]()
        for name, step, seconds in _steps(logs / phase.name, phase.tasks):
            reasons.update(_reasons_of(step))
            measures.update(_measures_of(step))
            if not name.startswith(METER):
                # MinHash's first step counts all that is before it as its own time.
                rest = seconds - upstream if phase.name == "near-sign" else rest + seconds
                continue
            stage = name.removeprefix(METER)
            found = stages.setdefault(stage, _begin(stage, before))
            found.documents, found.bytes = int(_total(step.get("documents", 0))), int(_total(step.get("bytes", 0)))
            elapsed = _total(step.get("seconds", 0))
            found.seconds += elapsed - upstream
            found.reasons, found.measures = dict(reasons), measures
            before, upstream = found, elapsed
            rest, reasons, measures = 0.0, Counter(), {}
        # What is behind the last meter, or has none, belongs to the phase's stage.
        owner = stages.setdefault(phase.stage, _begin(phase.stage, before))
        owner.seconds += rest
    last = stages["write"]
    if before is not None:
        last.documents, last.bytes = before.documents, before.bytes
    return Account(list(stages.values()))


def _begin(stage: str, before: StageAccount | None) -> StageAccount:
    return StageAccount(stage, before.documents if before else 0, before.bytes if before else 0)


def _reasons_of(step: Mapping[str, Any]) -> Counter[str]:
    """Return why documents and lines were dropped or changed, and how many."""
    found = Counter[str]()
    for label, value in step.items():
        if label.startswith(REASONS):
            found[_in_words(label)] += int(_total(value))
    return found


def _measures_of(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was measured of documents: mean and spread, and how many there are in each tenth."""
    measured = {label: value for label, value in step.items() if label == "bits_per_byte"}
    return measured | {label: int(_total(value)) for label, value in step.items() if label.startswith("tenth_")}


def _steps(folder: Path, tasks: int) -> Iterator[tuple[str, dict[str, Any], float]]:
    """Yield name, counts and seconds of each step, added up over the tasks."""
    from datatrove.utils.stats import PipelineStats

    found = PipelineStats()
    for rank in range(tasks):
        found = found + PipelineStats.from_json(json.loads((folder / "stats" / f"{rank:05d}.json").read_text("utf-8")))
    for step in found.stats:
        content = step.to_dict()
        yield step.name, content["stats"], float(step.time_stats.total)


def _total(value: Any) -> float:
    """Return the sum of a counter as datatrove stores it."""
    return float(value["total"] if isinstance(value, Mapping) else value)


def _in_words(label: str) -> str:
    for start, words in (("dropped_", ""), ("line-filter-", "lines: "), ("line_", "lines: ")):
        if label.startswith(start):
            return words + label.removeprefix(start).replace("_", " ")
    return label.replace("_", " ")


def tabulate(account: Account, facts: Mapping[str, Any]) -> Report:
    """Show the account as a table."""
    rows = [
        (
            one.stage,
            one.documents,
            one.documents_in - one.documents if number else 0,
            one.bytes / MEGABYTE,
            round(one.seconds, 1),
            _most_frequent(one.reasons),
        )
        for number, one in enumerate(account.stages)
    ]
    columns = ("stage", "documents", "removed", "MB", "seconds", "why")
    return Report("", dict(facts), [Table("", columns, rows)])


def _most_frequent(reasons: Mapping[str, int]) -> str:
    ordered = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = ", ".join(f"{name} {count:,}" for name, count in ordered[:REASONS_SHOWN])
    return shown + (f", {len(ordered) - REASONS_SHOWN} more" if len(ordered) > REASONS_SHOWN else "")
