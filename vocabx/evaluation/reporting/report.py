"""A result as tables: what was scored, what differs, and what the numbers are of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from vocabx.core.report import Cell, Report, Table, format_number
from vocabx.evaluation.reporting.intervals import drop_hollow_intervals
from vocabx.evaluation.reporting.settings import as_options, spell_setting, spell_settings
from vocabx.evaluation.result import DataFile, Difference, EvaluatedModel, Result, Score
from vocabx.evaluation.terms import explain

__all__ = [
    "CHECKSUM_DIGITS",
    "difference_table",
    "explain_tables",
    "model_table",
    "score_table",
    "spell_interval",
    "to_report",
    "unequal_items",
]

CHECKSUM_DIGITS = 12
"""How much of a checksum or commit is shown."""
NO_WEIGHTS = " (without weights)"
"""Behind a checksum that is of tokenizer and settings alone."""
MOST_MODELS_SIDE_BY_SIDE = 4
"""With more of them each has rows of its own, for a terminal has so many columns."""


def to_report(result: Result) -> Report:
    """Say all that a result holds.

    Rows are tasks and metrics, columns are models; an interval stands behind its number in brackets, and without
    one the standard error behind ±. Notes are those of the result; after them come scores of one task and metric that
    are of different numbers of items, and what the metrics mean.
    """
    result = drop_hollow_intervals(result)
    models = [model.name for model in result.models]
    tables = [
        score_table("scores", models, result.scores),
        difference_table("differences", result.differences),
        model_table(result.models),
        _data_table(result.data),
    ]
    return Report(
        result.kind,
        _facts(result),
        [table for table in tables if table.rows],
        [*result.notes, *unequal_items(result.scores), *explain_tables(result.scores, result.differences)],
    )


def score_table(title: str, models: Sequence[str], scores: Sequence[Score]) -> Table:
    """Put the models side by side, or below each other where there are many."""
    rows = _by_row(scores)
    if len(models) <= MOST_MODELS_SIDE_BY_SIDE:
        head = ["task", "metric", *models]
        groups = list(rows.values())
        cells = [[*row, *(_cell(found.get(model, ())) for model in models)] for row, found in rows.items()]
    else:
        head = ["task", "metric", "model", "score"]
        single = [(row, model, found[model]) for row, found in rows.items() for model in models if model in found]
        groups = [{model: own} for _, model, own in single]
        cells = [[*row, model, _cell(own)] for row, model, own in single]
    columns = {"floor": _floors(groups), "items": _items(groups)}
    behind = {name: column for name, column in columns.items() if any(column)}
    spelt = [[*row, *(column[place] or "-" for column in behind.values())] for place, row in enumerate(cells)]
    return Table(title, [*head, *behind], spelt)


def difference_table(title: str, differences: Sequence[Difference]) -> Table:
    """List differences; one is clear where its interval leaves out zero."""
    columns, rows = ["task", "metric", "model", "minus", "difference"], list[list[Cell]]()
    for one in differences:
        spelt = spell_interval(one.value, one.low, one.high, "+")
        rows.append([one.task, one.metric, one.model, one.against, spelt, _clear(one)])
    if all(one.low is None or one.high is None for one in differences):
        return Table(title, columns, [row[:-1] for row in rows])
    return Table(f"{title}, 95 % intervals of paired draws", [*columns, "clear"], rows)


def model_table(models: Iterable[EvaluatedModel]) -> Table:
    """List models with the beginning of their checksums; one of fewer files is marked."""
    rows = [
        (
            model.name,
            model.checksum[:CHECKSUM_DIGITS] + ("" if model.has_weights else NO_WEIGHTS),
            (model.revision or "-")[:CHECKSUM_DIGITS],
            "-" if model.seconds is None else f"{model.seconds:,.1f}",
        )
        for model in models
    ]
    return Table("models", ("model", "checksum", "revision", "seconds"), rows)


def unequal_items(scores: Sequence[Score], title: str = "") -> list[str]:
    """Say in one sentence which scores of one task and metric are of different numbers of items.

    Those may count tokens, which depend on the model; or the models were not asked the same.
    """
    rows = _by_row(scores)
    found = [
        f"{', '.join(filter(None, row))} ({cell})"
        for row, cell in zip(rows, _items(rows.values()), strict=True)
        if "/" in cell
    ]
    place = f"{title}: some" if title else "Some"
    return [f"{place} scores are of another number of items for each model: {'; '.join(found)}."] if found else []


def explain_tables(scores: Sequence[Score], differences: Sequence[Difference]) -> list[str]:
    """Say in a line each what the metrics mean, and the columns beside them."""
    shown = {
        "[low, high]": any(None not in (one.low, one.high) for one in scores),
        "floor": any(one.floor is not None for one in scores),
        "clear": any(None not in (one.low, one.high) for one in differences),
    }
    return list(explain((one.metric for one in scores), (column for column, is_shown in shown.items() if is_shown)))


def spell_interval(value: float, low: float | None, high: float | None, sign: str = "") -> str:
    """Spell a number with its interval; a dash is one that is not finite.

    >>> spell_interval(0.5, 0.25, 0.75), spell_interval(float("nan"), None, None), spell_interval(0.5, None, None, "+")
    ('0.5000 [0.2500, 0.7500]', '-', '+0.5000')
    """
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return _number(value, sign)
    return f"{_number(value, sign)} [{_number(low, sign)}, {_number(high, sign)}]"


def _facts(result: Result) -> dict[str, Cell]:
    facts: dict[str, Cell] = {
        **{
            name: None if value is None else spell_setting(value) for name, value in as_options(result.settings).items()
        },
        "seed": result.seed,
        "device": result.device or None,
        "versions": spell_settings(result.versions) or None,
        "commit": result.commit[:CHECKSUM_DIGITS] if result.commit else None,
    }
    return {name: value for name, value in facts.items() if value not in (None, "")}


def _data_table(data: Iterable[DataFile]) -> Table:
    rows = [(file.name, file.bytes, file.sha256[:CHECKSUM_DIGITS]) for file in data]
    return Table("data", ("file", "bytes", "sha256"), rows)


ByModel = Mapping[str, Sequence[Score]]
Rows = Mapping[tuple[str, str], ByModel]
"""The scores of each task and metric, by model."""


def _by_row(scores: Sequence[Score]) -> Rows:
    rows: dict[tuple[str, str], dict[str, list[Score]]] = {}
    for score in scores:
        rows.setdefault((score.task, score.metric), {}).setdefault(score.model, []).append(score)
    return rows


def _floors(groups: Iterable[ByModel]) -> list[str]:
    return [_distinct(_number(one.floor) for one in _all(found) if one.floor is not None) for found in groups]


def _items(groups: Iterable[ByModel]) -> list[str]:
    return [_distinct(f"{one.items:,}" for one in _all(found) if one.items is not None) for found in groups]


def _all(found: ByModel) -> list[Score]:
    return [score for scores in found.values() for score in scores]


def _distinct(cells: Iterable[str]) -> str:
    return " / ".join(dict.fromkeys(cells))


def _cell(scores: Sequence[Score]) -> str:
    return _distinct(map(_spell, scores)) or "-"


def _spell(score: Score) -> str:
    """Spell a number with its interval; with its standard error where that is all there is."""
    error = score.error if score.low is None or score.high is None else None
    behind = "" if error is None or not math.isfinite(error) else f" ± {_number(error)}"
    return spell_interval(score.value, score.low, score.high) + behind


def _clear(one: Difference) -> str:
    if one.low is None or one.high is None:
        return "-"
    return "yes" if one.low > 0 or one.high < 0 else "no"


def _number(value: float, sign: str = "") -> str:
    if not math.isfinite(value):
        return "-"
    return ("+" if sign and value >= 0 else "") + format_number(float(value))
