"""The part of a card that tells what evaluations measured, for people and for the hub."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from vocabx.card.region import Region, escape_table, escape_text, read_card, replace_card
from vocabx.core.errors import InputError
from vocabx.core.report import Report, Table
from vocabx.evaluation.reporting.combining import Combination
from vocabx.evaluation.result import EvaluatedModel

__all__ = ["model_index", "spell_results", "write_results"]

RESULTS = Region("results", "Results")
HEAD = re.compile(r"\A---\n(?P<head>.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
OLD_INDEX = re.compile(r"^model-index:.*\n(?:[ \t-].*\n|\n)*", re.MULTILINE)

TASKS = {
    "retrieval": "sentence-similarity",
    "ner": "token-classification",
    "translate": "translation",
    "xnli --finetune": "text-classification",
}
"""What the hub calls the task of an evaluation."""
USUAL_TASK = "text-generation"
NOT_OF_A_TASK = ("fertility", "speed")
"""Evaluations that tell nothing of how well a task is done, so the hub's list of results has no place for them."""


def spell_results(report: Report) -> str:
    """Spell a report in Markdown, with the titles of its tables."""
    facts = [Table("", ("setting", "value"), list(report.facts.items()))] if report.facts else []
    parts = [f"**{escape_text(report.headline)}**"] if report.headline else []
    for table in [*facts, *report.tables]:
        parts += [f"**{escape_text(table.title)}**"] if table.title else []
        parts.append(escape_table(table).to_markdown())
    notes = "\n".join(f"- {escape_text(note)}" for note in report.notes)
    return "\n\n".join([*parts, *([notes] if notes else [])])


def write_results(card: Path, combination: Combination, model: EvaluatedModel) -> None:
    """Write results into a card: as tables between two marks, and into its head as the hub's `model-index`.

    Everything else of the card stays as it is. The head gets the numbers of `model` alone, the tables those of all.

    Raises
    ------
    InputError
        When no result is of `model`, which is known by its checksum, or the marks do not match.
    """
    name = next((known.name for known in combination.models if known.checksum == model.checksum), None)
    if name is None:
        raise InputError(
            f"None of the results is of {model.name} as it is now; they are of "
            f"{', '.join(known.name for known in combination.models)}. Evaluate it first."
        )
    text = RESULTS.put(spell_results(combination.to_report()), read_card(card), card)
    replace_card(card, _with_index(text, model_index(combination, name, model.name)))


def model_index(combination: Combination, name: str, title: str) -> list[dict[str, Any]]:
    """Return the numbers of one model as the hub's `model-index`; tasks without a number are left out."""
    return [{"name": title, "results": list(_entries(combination, name))}]


def _entries(combination: Combination, name: str) -> Iterator[dict[str, Any]]:
    for group in combination.groups:
        if group.kind in NOT_OF_A_TASK:
            continue
        found: dict[str, list[dict[str, Any]]] = {}
        for score in group.scores:
            if score.model == name and math.isfinite(score.value):
                metric = {"type": _slug(score.metric), "name": score.metric, "value": round(score.value, 6)}
                found.setdefault(score.task, []).append(metric)
        for task, metrics in found.items():
            yield {
                "task": {"type": TASKS.get(group.kind, USUAL_TASK)},
                "dataset": {"name": f"{group.title}: {task}", "type": _slug(task)},
                "metrics": metrics,
            }


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "text"


def _with_index(card: str, index: Sequence[dict[str, Any]]) -> str:
    """Put the index into the head of a card, in place of an older one; a card without a head gets one."""
    from huggingface_hub import ModelCardData
    from huggingface_hub.repocard_data import model_index_to_eval_results

    spelt = ""
    if index[0]["results"]:
        name, found_by_hub = model_index_to_eval_results(list(index))
        spelt = f"{ModelCardData(model_name=name, eval_results=found_by_hub).to_yaml()}\n"
    found = HEAD.match(card)
    if found is None:
        return f"---\n{spelt}---\n\n{card}" if spelt else card
    return f"---\n{OLD_INDEX.sub('', found['head'])}{spelt}---\n{card[found.end() :]}"
