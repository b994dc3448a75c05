"""What a comparison says: tables for a terminal, and the same as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from vocabx.comparison.comparison import Comparison, Row
from vocabx.core.report import Cell, Report, Table
from vocabx.eval.bootstrap import Interval

__all__ = ["comparison_json", "comparison_report"]


def comparison_report(comparison: Comparison, headline: str = "") -> Report:
    """Rank the methods, right after the change and after the probe."""
    has_source, has_flips = (
        comparison.base_row.source is not None,
        any(measured.flips for measured in comparison.untrained.values()),
    )
    ranked, trained = comparison.ranked(), comparison.ranked_trained()
    tables = [_table("right after the change", [comparison.base_row, *ranked], has_source, has_flips=has_flips)]
    if trained:
        seeds = len(trained[0].measured)
        title = (
            f"after {comparison.probe.steps} steps of {comparison.probe.tokens} tokens, {_trained_rows(comparison)} "
            f"trained; {seeds} seed{'s' if seeds > 1 else ''}"
        )
        tables.append(_table(title, trained, has_source, has_spread=seeds > 1))
    return Report(headline, _facts(comparison), tables)


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """Return plain data: all intervals as numbers."""
    return {
        "model": comparison.model,
        **_facts(comparison),
        "probe": asdict(comparison.probe) if comparison.trained else None,
        "base": comparison.base_row.to_json(),
        "methods": [row.to_json() for row in comparison.ranked()],
        "trained": [row.to_json() for row in comparison.ranked_trained()],
    }


def _facts(comparison: Comparison) -> dict[str, Cell]:
    base, methods = comparison.base.sides, list(comparison.untrained.values())
    facts: dict[str, Cell] = {
        "base": comparison.model,
        "new tokens": comparison.plan.new,
        "paragraphs": len(base["target"].cost.bytes),
        "computed in": comparison.dtype,
    }
    for name, side in base.items():
        facts |= {f"{name} bytes": int(side.cost.bytes.sum()), f"{name} tokens, base": side.tokens}
        if methods:
            facts[f"{name} tokens, changed"] = methods[0].sides[name].tokens
            facts[f"{name} tokens that are new"] = methods[0].sides[name].new_tokens
    positions = next((one.flips.positions for one in methods if one.flips), None)
    return facts | ({} if positions is None else {"greedy predictions compared": positions})


def _trained_rows(comparison: Comparison) -> str:
    return "all rows" if comparison.probe.everything else "only new rows"


def _table(
    title: str, rows: Sequence[Row], has_source: bool, *, has_flips: bool = False, has_spread: bool = False
) -> Table:
    columns = ["method", "target bits/byte", "minus best"]
    columns += ["sd of seeds"] if has_spread else []
    columns += ["source bits/byte", "minus base"] if has_source else []
    columns += ["flips", "ties"] if has_flips else []
    return Table(title, columns, [_cells(row, has_source, has_flips, has_spread) for row in rows])


def _cells(row: Row, has_source: bool, has_flips: bool, has_spread: bool) -> list[Cell]:
    flips = row.measured[0].flips
    cells: list[Cell] = [row.label, _spell(row.target), _spell(row.minus_best, "+")]
    cells += [row.spread] if has_spread else []
    cells += [_spell(row.source), _spell(row.minus_base, "+")] if has_source else []
    return cells + ([flips.flips if flips else None, flips.ties if flips else None] if has_flips else [])


def _spell(interval: Interval | None, sign: str = "") -> str:
    if interval is None:
        return "-"
    estimate, low, high = (format(value, f"{sign}.4f") for value in (interval.estimate, interval.low, interval.high))
    return f"{estimate} [{low}, {high}]"
