"""Warnings: what is wrong with the new rows of a run, and what the user can do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from vocabx.core.alignment import Origin
from vocabx.core.registry import Entry
from vocabx.diagnostics.diagnostics import Diagnostics, MatrixDiagnostics
from vocabx.initializers.table import INITIALIZERS

__all__ = ["warnings"]

FEWEST_ROWS = 50
"""Fewer new rows say little of a method, and a row on fewer source rows is no mean of everything."""
WIDE_SUPPORT = 0.1
"""Share of the source rows in use that the median row rests on, above which a row is a mean of everything."""
LITTLE_SPREAD = 0.15
"""Spread beside the base's below which rows are alike: sound methods gave 0.2 to 0.8, collapsed ones at most 0.11."""
MANY_FALLBACKS = 0.2
"""Share of new tokens without evidence."""
SHORT, LONG = 0.25, 2.0
"""Length of new rows beside the base's; the mean of sixteen rows that have nothing in common has 0.25."""

MADE_ALIKE = "This method makes them so; --method constituents needs nothing more and tells tokens apart."
COLLAPSE: Mapping[str, str] = MappingProxyType(
    {
        "mean": MADE_ALIKE,
        "multivariate": MADE_ALIKE,
        "hewitt": MADE_ALIKE,
        "cosine": "Use --method clp-plus, or keep few source tokens: --method-option keep=10.",
        "token-level": "Train the vectors longer: --method-option epochs=30, or centre them with centre=yes.",
        "softmax": "Take fewer neighbours: --method-option neighbours=3.",
        "sparsemax": "Centre the vectors: --method-option centre=yes.",
        "barycentric": "Centre the vectors: --method-option centre=yes.",
    }
)
"""What helps against rows that are alike, by the name of a method, a space or a solver; the first that is found."""
OTHERWISE = "Another method may tell the tokens apart: vocabx methods."

EVIDENCE: Mapping[str, str] = MappingProxyType(
    {
        "target text": "Give more text in the new language.",
        "parallel text": "Give more translated lines.",
        "donor model": "Take a donor whose vocabulary has more of the new tokens, or make the vectors of the others of "
        "its pieces: --method-option compose=yes.",
        "target words": "Take word vectors of more words.",
        "multilingual vectors": "Take vectors of more words.",
    }
)
"""What gives more tokens evidence, by what the method needs."""


def warnings(diagnostics: Diagnostics, method: str) -> list[str]:
    """Say what is wrong with the new rows and what to do, a sentence or two each; nothing for healthy ones.

    Parameters
    ----------
    diagnostics : Diagnostics
    method : str
        Its name in the table of methods, whose row says what it is made of and needs.
    """
    entry = INITIALIZERS[method]
    return [
        *_alike(diagnostics, [method, *map(str, entry.options.values())]),
        *_without_evidence(diagnostics, entry),
        *_outside(diagnostics),
        *_given(diagnostics),
        *_long(diagnostics),
    ]


def _matrices(diagnostics: Diagnostics) -> dict[str, MatrixDiagnostics]:
    return {"input": diagnostics.input} | ({"head": diagnostics.head} if diagnostics.head else {})


def _alike(diagnostics: Diagnostics, names: list[str]) -> Iterator[str]:
    advice = next((COLLAPSE[name] for name in names if name in COLLAPSE), OTHERWISE)
    for name, matrix in _matrices(diagnostics).items():
        reasons = [*_little_spread(matrix), *_wide_support(matrix), *_short(matrix)]
        if reasons:
            yield f"The new {name} rows hardly tell tokens apart: {'; '.join(reasons)}. {advice}"
            return  # what ails the head beside the input is the same, and so is the advice


def _little_spread(matrix: MatrixDiagnostics) -> Iterator[str]:
    ratio = matrix.spread_ratio
    if ratio is not None and ratio < LITTLE_SPREAD and matrix.new.rows >= FEWEST_ROWS:
        yield f"two have a mean cosine of {matrix.new.cosine:.2f}, two of the base's rows {matrix.source.cosine:.2f}"


def _wide_support(matrix: MatrixDiagnostics) -> Iterator[str]:
    weights = matrix.weights
    if weights and weights.support >= FEWEST_ROWS and weights.support > WIDE_SUPPORT * weights.sources:
        yield f"the median row rests on {weights.support:,.0f} of the {weights.sources:,} source rows in use"


def _short(matrix: MatrixDiagnostics) -> Iterator[str]:
    # Where the base's rows point everywhere, a mean of many is short, and what is left of it points anywhere.
    ratio = matrix.norm_ratio
    if ratio is not None and ratio < SHORT:
        yield f"they are {ratio:.2f} times as long as the base's, as means of many rows are"


def _without_evidence(diagnostics: Diagnostics, entry: Entry) -> Iterator[str]:
    count, total = diagnostics.origins.get(Origin.FALLBACK.name.lower(), 0), sum(diagnostics.origins.values())
    is_meant = count == total and not entry.needs
    if total and count > MANY_FALLBACKS * total and not is_meant:
        advice = " ".join(EVIDENCE[need] for need in entry.needs if need in EVIDENCE)
        yield (
            f"The method knows nothing of {count:,} of {total:,} new tokens; they got the mean of their constituents, "
            f"or of all rows. {advice}"
        ).rstrip()


def _outside(diagnostics: Diagnostics) -> Iterator[str]:
    output = diagnostics.output
    if output and output.new.rows and output.outside > 0:
        yield (
            f"{output.outside:.0%} of the rows that new tokens are predicted with are no convex combination of the "
            "base's, so new tokens may win over old ones in old text until the model is trained; with a method that "
            "`vocabx methods` calls convex, and no scale, they cannot."
        )


def _given(diagnostics: Diagnostics) -> Iterator[str]:
    output = diagnostics.output
    if output and output.given:
        yield (
            f"{output.given:,} of the rows that new tokens are predicted with were given, and nothing is known of how "
            "they were made, so these tokens may win over old ones in old text until the model is trained."
        )


def _long(diagnostics: Diagnostics) -> Iterator[str]:
    for name, matrix in _matrices(diagnostics).items():
        ratio = matrix.norm_ratio
        if ratio is not None and ratio > LONG:
            yield (
                f"The new {name} rows are {ratio:.2f} times as long as the base's and outweigh them; convex rows, see "
                "`vocabx methods`, are never longer than the longest of the base's."
            )
