"""Padding: rows that belong to no token must never be sampled."""

from __future__ import annotations

import numpy as np

from vocabx.core.alignment import Alignment, mean_over
from vocabx.verification.finding import Outcome, judge, passed
from vocabx.verification.needs import source_rows
from vocabx.verification.shapes import generation_config
from vocabx.verification.subject import Subject

__all__ = ["check_padding"]


def check_padding(subject: Subject) -> Outcome:
    """Look for padding rows that generation may choose, or that are not the mean though nothing was trained."""
    padding = subject.plan.padding
    if not padding:
        return passed("no padding rows")
    suppressed = set(generation_config(subject.checkpoint).get("suppress_tokens") or ())
    offenders = [f"id {token} is not suppressed" for token in padding if token not in suppressed]
    if not subject.is_trained and source_rows(subject) is None:
        offenders += _rows_off_mean(subject)
    return judge(
        offenders, f"{len(padding):,} padding rows, {len(suppressed.intersection(padding)):,} of them suppressed"
    )


def _rows_off_mean(subject: Subject) -> list[str]:
    mean = Alignment.build(mean_over(np.flatnonzero(subject.usable), subject.plan.tokens_before))
    offenders = []
    for tensor in subject.vocabulary_rows:
        expected = np.repeat(mean.apply(tensor.source), len(tensor.padding), axis=0)
        for row in np.flatnonzero(~tensor.reading.agrees(np.asarray(tensor.padding), expected)):
            offenders.append(f"{tensor.name}, row {subject.plan.tokens + row} is not the mean of the usable rows")
    return offenders
