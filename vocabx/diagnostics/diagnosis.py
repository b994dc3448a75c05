"""Diagnosis: the measures of a run's new rows and the warnings that follow, for its report and its record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from vocabx.core.arrays import Ints
from vocabx.core.initialization import Initialization
from vocabx.core.report import Cell, Table
from vocabx.core.segmenter import Segmenter
from vocabx.core.transfer import Transfer
from vocabx.diagnostics.diagnostics import Diagnostics
from vocabx.diagnostics.measure import measure
from vocabx.diagnostics.sources import source_warnings
from vocabx.diagnostics.warnings import warnings
from vocabx.factorization import Factorized
from vocabx.output_head import OutputHead

__all__ = ["Diagnosis", "count_tokens", "diagnose"]

LINES_PER_BATCH = 4096


@dataclass(frozen=True)
class Diagnosis:
    """What was measured and what is wrong."""

    diagnostics: Diagnostics
    warnings: tuple[str, ...]

    def facts(self) -> Mapping[str, Cell]:
        """Return the measures that are one number for the whole run."""
        return self.diagnostics.facts()

    def tables(self) -> list[Table]:
        """Return the measures of each matrix, and the warnings if there are any."""
        found = [Table("warnings", ("what is wrong, and what to do",), [(text,) for text in self.warnings])]
        return [self.diagnostics.table(), *(found if self.warnings else [])]

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {**self.diagnostics.to_json(), "warnings": list(self.warnings)}


def diagnose(
    initialization: Initialization,
    transfer: Transfer,
    method: str,
    head: OutputHead,
    counts: Ints | None = None,
    factorized: Factorized | None = None,
) -> Diagnosis:
    """Measure the rows that a method makes, as they are written.

    `counts` (S,) says how often old text has each source token, and `factorized` what becomes of all rows.
    """
    if transfer.input_rows is None:
        raise ValueError("rows cannot be measured without the base's")
    diagnostics = measure(
        initialization,
        transfer.input_rows,
        head.rows,
        transfer.usable,
        counts,
        predicts=head.exists,
        has_bias=head.has_bias,
        factorized=factorized,
    )
    of_sources = source_warnings(initialization, transfer, head.rows, diagnostics)
    found = (*([factorized.warning] if factorized else []), *of_sources, *warnings(diagnostics, method))
    for text in found:
        transfer.say(f"warning: {text}")
    return Diagnosis(diagnostics, found)


def count_tokens(segmenter: Segmenter, lines: Iterator[str]) -> Ints:
    """Count each token in lines of text, shape (S,)."""
    counts = np.zeros(len(segmenter.tokens), np.int64)
    while batch := list(islice(lines, LINES_PER_BATCH)):
        counts += np.bincount(segmenter.segment_lines(batch).ids.values, minlength=len(counts))
    return counts
