"""The report of an advice: what each size gives and costs, and what the figures mean."""

from __future__ import annotations

from collections.abc import Sequence

from vocabx.advice import Advice
from vocabx.core.report import Cell, Report, Table
from vocabx.knee import LEAST_SAVING, doubling_savings
from vocabx.stages import Stages
from vocabx.tokenizer_tools.extend.size_curve import TextCurve

__all__ = ["advice_report"]

RULE = (
    f"the smallest size from which on no step saves {LEAST_SAVING:.0%} of the held-out tokens per doubling of the new "
    "tokens"
)
TOKEN_RATIO = "tokens of the same text after / before (RedWhale, 2408.11294, as we read it)"
EMBEDDING_RATIO = (
    "rows of a vocabulary matrix after / before: our definition, for RedWhale's Ratio of Embedding Complexity, whose "
    "formula we do not have"
)
MORE = "tokens per 1,000 characters that 1,000 more new tokens save, from the size before to this one"
NO_GUARD = "before the guard and the test for reachability, which put other tokens in the place of those they drop"


def advice_report(advice: Advice, stages: Stages) -> Report:
    """Say what each size gives and costs."""
    facts: dict[str, Cell] = {
        "base": advice.base,
        "recommended new tokens": advice.recommended,
        "rule": RULE,
        "sizes": NO_GUARD,
        "source text": _source_text(advice),
        "changed source lines": advice.guarded.changed_lines,
        "source sample lines": advice.guarded.sample_lines,
        "scripts learned": ", ".join(advice.scripts) or "any",
        "token ratio": TOKEN_RATIO,
        "saved by 1,000 more": MORE,
        "embedding ratio": EMBEDDING_RATIO,
        "figures of the model": advice.cost.remark,
    }
    for label, text in advice.curve.texts.items():
        facts[f"measured on {label}"] = f"{text.lines:,} lines, {text.characters:,} characters{_loss(text)}"
    texts = [_text_table(label, text, advice.curve.sizes) for label, text in advice.curve.texts.items()]
    return Report(advice.headline, facts, [*texts, _cost_table(advice), stages.table()])


def _source_text(advice: Advice) -> str:
    guarded = advice.guarded
    if not guarded.changed_lines:
        why = "; new tokens are of a script that it does not use" if advice.is_foreign else ""
        return f"no line of the source sample changes with {guarded.size:,} new tokens{why}"
    return (
        f"with {guarded.size:,} new tokens {guarded.changed_lines:,} of {guarded.sample_lines:,} sample lines "
        f"change; the guard drops {guarded.dropped_roots:,} first merges with all built on them, so that "
        f"{guarded.kept_changed_lines:,} lines and {guarded.kept_gain:.1%} of the saving are left, before others "
        "take their place; other sizes were not tried"
    )


def _cost_table(advice: Advice) -> Table:
    columns = ("new tokens", "new rows", "new parameters", "of the model", "embedding ratio")
    cost = advice.cost
    rows = [
        (size, cost.new_rows(size), cost.new_parameters(size), cost.share(size), cost.embedding_ratio(size))
        for size in advice.curve.sizes
    ]
    return Table("cost", columns, rows)


def _loss(text: TextCurve) -> str:
    return "; the base loses some of it as unknown tokens, so its own counts are too low" if text.loses_text else ""


def _text_table(label: str, text: TextCurve, sizes: Sequence[int]) -> Table:
    columns = (
        "new tokens",
        "tokens/char",
        "tokens/byte",
        "tokens/word",
        "unknown",
        "token ratio",
        "saved by 1,000 more",
        "saved per doubling",
    )
    tokens = text.tokens.tolist()
    doubled = [None, None, *doubling_savings(sizes[1:], tokens[1:]).tolist()]
    rows: list[Sequence[Cell]] = []
    for place, size in enumerate(sizes):
        count = tokens[place]
        more = size - sizes[place - 1]
        saved = (tokens[place - 1] - count) / text.characters * 1e6 / more if place else None
        ratio = count / tokens[0] if tokens[0] else None
        units = (_ratio(count, whole) for whole in (text.characters, text.bytes, text.words))
        rows.append((size, *units, _ratio(text.unknown[place].item(), count), ratio, saved, doubled[place]))
    return Table(f"sizes on {label}", columns, rows)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
