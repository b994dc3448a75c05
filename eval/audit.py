"""Audit: what each tokenizer makes of each text, side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from vocabx.core.errors import InputError
from vocabx.core.report import Cell, Report, Table
from vocabx.core.scripts import script_shares
from vocabx.core.segmenter import Segmenter
from vocabx.eval.coverage import count_characters, measure_coverage, measure_script_coverage
from vocabx.eval.fertility import Fertility, measure_fertility

__all__ = ["audit"]

Batches = Callable[[], Iterable[Sequence[str]]]

COLUMNS = (
    "text",
    "tokenizer",
    "tokens/char",
    "tokens/byte",
    "tokens/word",
    "bytes/token",
    "whole words",
    "byte fallback",
    "unknown",
    "chars covered",
    "text covered",
    "script covered",
)


def audit(segmenters: Mapping[str, Segmenter], texts: Mapping[str, Batches]) -> Report:
    """Measure every tokenizer on every text.

    Parameters
    ----------
    segmenters : mapping of str to Segmenter
        Tokenizers by the name that the table shows. With more than one, the first is what the others are
        compared with.
    texts : mapping of str to callable
        Texts by name; each call yields batches of lines anew, as ``corpus.batches`` does.

    Returns
    -------
    Report
        The size and main script of each text, and one table with a row per text and tokenizer. Shares lie between
        0 and 1, and ``-`` stands where there is nothing to measure. `whole words` are single tokens; `chars covered`
        are the text's different characters that have a token of their own, `text covered` counts them as often as
        they occur, `script covered` compares with all characters of the text's main script; `vs` gives the tokens
        as a multiple of the first tokenizer's.
    """
    if not segmenters or not texts:
        raise InputError("An audit needs at least one tokenizer and one text.")
    facts: dict[str, Cell] = {}
    rows: list[list[Cell]] = []
    for label, batches in texts.items():
        characters = count_characters(batches())
        script = next(iter(script_shares(characters)), None)
        measured = {name: measure_fertility(segmenter, batches()) for name, segmenter in segmenters.items()}
        first = next(iter(measured.values()))
        facts[label] = f"{first.lines:,} lines, {first.bytes:,} bytes, {script or 'no script'}"
        for name, fertility in measured.items():
            cells = [*_cells(fertility), *_coverage_cells(segmenters[name], characters, script)]
            rows.append([label, name, *map(_known, cells), *_compared(fertility, first, len(measured))])
    columns = [*COLUMNS, *([f"vs {next(iter(segmenters))}"] if len(segmenters) > 1 else [])]
    return Report("Tokenizer audit", facts, [Table("Tokens", columns, rows)])


def _cells(fertility: Fertility) -> list[float]:
    return [
        fertility.tokens_per_character,
        fertility.tokens_per_byte,
        fertility.tokens_per_word,
        fertility.bytes_per_token,
        fertility.single_token_word_share,
        fertility.byte_fallback_share,
        fertility.unknown_share,
    ]


def _coverage_cells(segmenter: Segmenter, characters: Mapping[str, int], script: str | None) -> list[float]:
    coverage = measure_coverage(segmenter.tokens, characters)
    of_script = measure_script_coverage(segmenter.tokens, script).share if script else float("nan")
    return [coverage.distinct_share, coverage.occurrence_share, of_script]


def _compared(fertility: Fertility, first: Fertility, tokenizers: int) -> list[Cell]:
    if tokenizers == 1:
        return []
    return [fertility.tokens / first.tokens if first.tokens else None]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
