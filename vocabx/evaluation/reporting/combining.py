"""Several results as one: a model has one name wherever it was measured, and what does not compare stands apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from vocabx.core.report import Report, format_number
from vocabx.evaluation.reporting.intervals import drop_hollow_intervals
from vocabx.evaluation.reporting.report import (
    CHECKSUM_DIGITS,
    difference_table,
    explain_tables,
    model_table,
    score_table,
    unequal_items,
)
from vocabx.evaluation.reporting.same_models import join_commits
from vocabx.evaluation.reporting.settings import as_options, spell_settings
from vocabx.evaluation.result import Difference, EvaluatedModel, Result, Score, plain_data

__all__ = ["Combination", "Group", "combine"]

TIMED = ("speed",)
"""Kinds whose numbers are of the machine as well."""
NOT_SET = (None, "")
"""Settings that say as much as none."""
DIGITS_THAT_TELL_APART = 6


@dataclass(frozen=True)
class Group:
    """Results of one kind that compare: with the same settings, seed and data.

    `title` is the kind, with a number where there are several groups of it; `origin` spells what
    the numbers are of: settings, data, device, and the version of vocabx.
    """

    title: str
    kind: str
    models: Sequence[EvaluatedModel]
    scores: Sequence[Score]
    differences: Sequence[Difference]
    origin: str = ""


@dataclass(frozen=True)
class Combination:
    """What several results say together.

    Attributes
    ----------
    models : sequence of EvaluatedModel
        Each once; one is known by its checksum, so it has the first name it was given in any file, and two models with
        one name have the beginning of their checksums behind it.
    groups : sequence of Group
        In the order of the results.
    notes : sequence of str
        Those of the results, behind the name of their evaluation where there are several; and what keeps numbers
        from being compared.
    """

    models: Sequence[EvaluatedModel]
    groups: Sequence[Group]
    notes: Sequence[str]

    def to_report(self) -> Report:
        """Return tables of every group, and one of the models; what the metrics mean comes last."""
        tables = []
        for group in self.groups:
            names = [model.name for model in group.models]
            differences = difference_table(f"{group.title}: differences", group.differences)
            tables += [score_table(group.title, names, group.scores), *([differences] if group.differences else [])]
        facts = {group.title: group.origin for group in self.groups if group.origin}
        terms = explain_tables(
            [one for group in self.groups for one in group.scores],
            [one for group in self.groups for one in group.differences],
        )
        return Report("", facts, [*tables, model_table(self.models)], [*self.notes, *terms])

    def to_json(self) -> dict[str, Any]:
        """Return plain data, scores and differences with the title of their group."""
        parts = {
            "models": [asdict(model) for model in self.models],
            "groups": [{"title": group.title, "kind": group.kind, "origin": group.origin} for group in self.groups],
            "scores": [{"group": group.title, **asdict(one)} for group in self.groups for one in group.scores],
            "differences": [
                {"group": group.title, **asdict(one)} for group in self.groups for one in group.differences
            ],
            "notes": self.notes,
        }
        spelt: dict[str, Any] = plain_data(parts)
        return spelt


def combine(results: Sequence[Result]) -> Combination:
    """Put results together.

    Scores of one kind stand in one table only if settings, seed and data are the same (and the device, for speed);
    otherwise each has a table of its own, and a note says in what they differ. No difference is computed between
    results, because they do not hold the single items that an interval needs.
    """
    results = join_commits(results)
    names = _one_name_each(results)
    renamed = [_rename(drop_hollow_intervals(result), names) for result in results]
    groups, notes, said = list[Group](), list[str](), list[tuple[str, str]]()
    for kind in dict.fromkeys(result.kind for result in renamed):
        sorts: dict[str, list[Result]] = {}
        for result in renamed:
            if result.kind == kind:
                sorts.setdefault(repr(_deciding(result)), []).append(result)
        differing = _differing([_deciding(alike[0]) for alike in sorts.values()])
        if differing:
            notes.append(f"The results of {kind} differ in {', '.join(differing)}, so they do not compare.")
        for number, alike in enumerate(sorts.values(), 1):
            title = f"{kind} ({number} of {len(sorts)})" if differing else kind
            groups.append(_group(title, alike))
            said += [(note, title) for result in alike for note in result.notes]
    notes += [note for group in groups for note in _contradictions(group) + unequal_items(group.scores, group.title)]
    named = _name_notes(said) if len(groups) > 1 else [note for note, _ in said]
    return Combination(_models(renamed), groups, tuple(dict.fromkeys([*named, *notes])))


def _name_notes(said: Iterable[tuple[str, str]]) -> list[str]:
    """Put before each note the names of all evaluations that say it."""
    names: dict[str, dict[str, None]] = {}
    for note, name in said:
        names.setdefault(note, {})[name] = None
    return [f"{', '.join(found)}: {note}" for note, found in names.items()]


def _one_name_each(results: Iterable[Result]) -> Mapping[str, str]:
    """Name each checksum; the first name counts."""
    first: dict[str, str] = {}
    for model in (model for result in results for model in result.models):
        first.setdefault(model.checksum, model.name)
    times = Counter(first.values())
    return {
        checksum: f"{name} ({checksum[:DIGITS_THAT_TELL_APART]})" if times[name] > 1 else name
        for checksum, name in first.items()
    }


def _rename(result: Result, names: Mapping[str, str]) -> Result:
    new = {model.name: names[model.checksum] for model in result.models}
    return replace(
        result,
        models=tuple(replace(model, name=new[model.name]) for model in result.models),
        scores=tuple(replace(one, model=new.get(one.model, one.model)) for one in result.scores),
        differences=tuple(
            replace(one, model=new.get(one.model, one.model), against=new.get(one.against, one.against))
            for one in result.differences
        ),
    )


def _deciding(result: Result) -> dict[str, Any]:
    """Return what two results must have in common to compare."""
    data = sorted(file.sha256 for file in result.data)
    device = {"device": result.device} if result.kind in TIMED else {}
    settings = {name: value for name, value in sorted(as_options(result.settings).items()) if value not in NOT_SET}
    return {**settings, "seed": result.seed, **device, "data": data}


def _differing(sorts: Sequence[Mapping[str, Any]]) -> list[str]:
    names = dict.fromkeys(name for one in sorts for name in one)
    return [name for name in names if len({repr(one.get(name)) for one in sorts}) > 1]


def _group(title: str, results: Sequence[Result]) -> Group:
    scores = dict.fromkeys(one for result in results for one in result.scores)
    differences = dict.fromkeys(one for result in results for one in result.differences)
    return Group(title, results[0].kind, _models(results), tuple(scores), tuple(differences), _origin(results[0]))


def _origin(result: Result) -> str:
    named = {**as_options(result.settings), "seed": result.seed, "device": result.device or None}
    settings = [spell_settings({name: value}) for name, value in named.items() if value not in NOT_SET]
    data = ", ".join(f"{file.name} (sha256 {file.sha256[:CHECKSUM_DIGITS]})" for file in result.data)
    version = f"vocabx {result.versions['vocabx']}" if "vocabx" in result.versions else ""
    return "; ".join(part for part in (*settings, data, version) if part)


def _models(results: Iterable[Result]) -> tuple[EvaluatedModel, ...]:
    """Return each model once, with the seconds of all results."""
    found: dict[str, EvaluatedModel] = {}
    for model in (model for result in results for model in result.models):
        known = found.setdefault(model.checksum, model)
        if known is not model and model.seconds is not None:
            found[model.checksum] = replace(known, seconds=(known.seconds or 0.0) + model.seconds)
    return tuple(found.values())


def _contradictions(group: Group) -> list[str]:
    """Say which numbers were measured twice, with another outcome."""
    values: dict[tuple[str, str, str], set[str]] = {}
    for one in group.scores:
        values.setdefault((one.model, one.task, one.metric), set()).add(format_number(one.value))
    return [
        f"{group.title}: {model} was measured more than once on {task}, {metric}, with different outcomes."
        for (model, task, metric), found in values.items()
        if len(found) > 1
    ]
