"""Phases: the runs that a profile amounts to. Whatever must see all documents at once begins a new one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from corpus_pipeline.decontamination import Contamination
from corpus_pipeline.duplicates import StoredDocuments, exact_steps, near_steps, store
from corpus_pipeline.language import LanguageRule
from corpus_pipeline.perplexity import PerplexityRule
from corpus_pipeline.profile import Profile
from corpus_pipeline.reading import ORIGINS, Origins
from corpus_pipeline.step import Meter
from corpus_pipeline.text_rules import HasText, LineRules, NormalForm, Sampling, ScriptRule
from corpus_pipeline.words import SpaceWords

__all__ = ["INDEX", "SHARDS", "Phase", "plan_phases"]

INDEX = "evaluation.npz"
SHARDS = "shards"


@dataclass(frozen=True)
class Phase:
    """A run of datatrove: its steps, in how many tasks, and the stage that its work belongs to outside of meters."""

    name: str
    stage: str
    steps: Sequence[Any]
    tasks: int


@dataclass
class _Plan:
    """Phases that are complete, and the steps of the one that is open."""

    tasks: int
    phases: list[Phase] = field(default_factory=list)
    steps: list[Any] = field(default_factory=list)

    def stage(self, name: str, *steps: Any) -> None:
        """Add a stage with a meter behind it."""
        self.steps += [*steps, Meter(name)]

    def close(self, name: str, stage: str, *steps: Any) -> None:
        """End the open phase with these steps."""
        self.phases.append(Phase(name, stage, [*self.steps, *steps], self.tasks))
        self.steps = []

    def between(self, name: str, stage: str, step: Any, tasks: int) -> None:
        """Add a phase that reads no documents."""
        self.phases.append(Phase(name, stage, [step], tasks))


def plan_phases(profile: Profile, readers: Sequence[Any], folder: Path, tasks: int) -> list[Phase]:
    """Lay out the stages that are on, in their order, over as few runs as can be."""
    plan = _Plan(tasks)
    plan.stage("read", *readers, Origins(), HasText())
    for name, make in RULES.items():
        settings = getattr(profile, name)
        if settings is not None:
            plan.stage(name, *make(settings))
    if profile.exact is not None:
        sign, find, drop = exact_steps(folder / "exact")
        plan.close("rules", "exact", store(folder / "rules"), sign)
        plan.between("exact-find", "exact", find, 1)
        plan.stage("exact", StoredDocuments(folder / "rules"), drop)
    if profile.near is not None:
        sign, compare, cluster, drop = near_steps(profile.near, folder / "near")
        plan.close("near-sign", "near", store(folder / "distinct"), sign)
        plan.between("near-compare", "near", compare, profile.near.buckets)
        plan.between("near-cluster", "near", cluster, 1)
        plan.stage("near", StoredDocuments(folder / "distinct"), drop)
    if profile.perplexity is not None:
        plan.stage("perplexity", PerplexityRule(profile.perplexity))
    if profile.decontaminate is not None:
        plan.stage("decontaminate", Contamination(profile.decontaminate, folder / INDEX))
    plan.close("write", "write", _writer(profile.write.format, folder / SHARDS))
    return plan.phases


def _gopher_repetition(settings: Any) -> list[Any]:
    from datatrove.pipeline.filters import GopherRepetitionFilter

    pairs = {name: tuple(getattr(settings, name).items()) for name in ("top_n_grams", "dup_n_grams")}
    return [GopherRepetitionFilter(**{**asdict(settings), **pairs}, language=SpaceWords())]


def _gopher_quality(settings: Any) -> list[Any]:
    from datatrove.pipeline.filters import GopherQualityFilter

    return [GopherQualityFilter(**asdict(settings), language=SpaceWords())]


def _c4(settings: Any) -> list[Any]:
    from datatrove.pipeline.filters import C4QualityFilter

    return [C4QualityFilter(**asdict(settings), language=SpaceWords()), HasText()]


def _fineweb(settings: Any) -> list[Any]:
    from datatrove.pipeline.filters import FineWebQualityFilter

    return [FineWebQualityFilter(**asdict(settings), language=SpaceWords())]


RULES: dict[str, Callable[[Any], list[Any]]] = {
    "sample": lambda settings: [Sampling(settings)],
    "normalize": lambda settings: [NormalForm(settings), HasText()],
    "lines": lambda settings: [LineRules(settings), HasText()],
    "repetition": _gopher_repetition,
    "quality": _gopher_quality,
    "c4": _c4,
    "fineweb": _fineweb,
    "script": lambda settings: [ScriptRule(settings)],
    "language": lambda settings: [LanguageRule(settings)],
}
"""Stages that look at one document at a time, in their order."""


def _writer(form: str, folder: Path) -> Any:
    from datatrove.pipeline.writers import JsonlWriter, ParquetWriter

    if form == "parquet":
        import pyarrow

        schema = pyarrow.schema([(name, pyarrow.string()) for name in ("id", "text", "source")])
        return ParquetWriter(str(folder), "${rank}.parquet", "zstd", _record, schema=schema)
    return JsonlWriter(str(folder), "${rank}.jsonl.zst", "zstd", _record)


def _record(_writer: object, document: Any) -> dict[str, Any]:
    source = next((document.metadata[name] for name in ORIGINS if name in document.metadata), None)
    return {"id": str(document.id), "text": document.text, "source": source}
