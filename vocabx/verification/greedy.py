"""Greedy decoding: no new token may win over the old ones, so that with unchanged rows the same ones win as before.

A convex row lies in the hull of the old ones, so no hidden state can score it above all of them (max over the hull is
reached at a corner). Storing the row rounds it, which the comparison allows for.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vocabx.core.arrays import Bools, Ints, Matrix, row_blocks
from vocabx.verification.finding import Outcome, judge, not_run
from vocabx.verification.subject import Subject
from vocabx.verification.vocabulary_rows import VocabularyRows, output_rows

__all__ = ["check_model", "check_probes"]

PROBES = 64
MOST_TEXTS = 8
MOST_TOKENS = 64
ALL_GIVEN = "all rows that new tokens are predicted with were given"

Scores = NDArray[np.float32]


def check_probes(subject: Subject) -> Outcome:
    """Score all rows on random hidden states, and on states that point at new rows, where these do best."""
    rows = output_rows(subject.vocabulary_rows)
    bias = next((tensor.matrix for tensor in subject.vocabulary_rows if tensor.role == "bias"), None)
    probes = _probes(rows)
    is_old, is_other = _is_kept(subject, len(rows.matrix)), _is_other(subject, len(rows.matrix))
    if not is_other.any():
        return not_run(ALL_GIVEN)
    old, new = _highest(rows.matrix, bias, probes, is_old, is_other)
    margin = new - old - _rounding(rows.matrix) * np.abs(old)
    offenders = [f"probe {probe}: {new[probe]:.6g} above {old[probe]:.6g}" for probe in np.flatnonzero(margin > 0)]
    evidence = f"on {len(offenders)} of {len(probes)} probes; {PROBES} are random, the rest point at new rows"
    return judge(offenders, f"{evidence}{_left_out(rows)}")


def _left_out(rows: VocabularyRows) -> str:
    return f"; {rows.given:,} rows that were given are left out" if rows.given else ""


def _is_kept(subject: Subject, rows: int) -> Bools:
    """Mark the rows that are the base's; the others are new or padding, shape (rows,)."""
    is_kept = np.zeros(rows, np.bool_)
    is_kept[subject.plan.kept_ids] = True
    return is_kept


def _is_other(subject: Subject, rows: int) -> Bools:
    """Mark the rows that the method made, and padding; what was given may win, shape (rows,)."""
    is_other = ~_is_kept(subject, rows)
    biases = [tensor for tensor in subject.vocabulary_rows if tensor.role == "bias"]
    for tensor in (output_rows(subject.vocabulary_rows), *biases):
        is_other[subject.plan.new_ids[~tensor.is_made]] = False
    return is_other


def _probes(rows: VocabularyRows) -> Scores:
    random = np.random.default_rng(0).standard_normal((PROBES, rows.matrix.shape[1]), np.float32)
    chosen = np.linspace(0, rows.plan.new - 1, min(PROBES, rows.plan.new)).astype(np.int64)
    return np.concatenate([random, np.asarray(rows.matrix[rows.plan.new_ids[chosen]], np.float32)])


def _highest(
    matrix: Matrix, bias: Matrix | None, probes: Scores, is_old: Bools, is_other: Bools
) -> tuple[Scores, Scores]:
    """Return the highest score of an old row and of another one on each probe."""
    best = np.full((2, len(probes)), -np.inf, np.float32)
    for start, block in row_blocks(matrix):
        scores = block @ probes.T
        if bias is not None:
            scores += np.asarray(bias[start : start + len(block)], np.float32)
        for group, chosen in enumerate((is_old, is_other)):
            highest = scores[chosen[start : start + len(block)]].max(axis=0, initial=-np.inf)
            best[group] = highest.clip(best[group])
    return best[0], best[1]


def _others(subject: Subject) -> Ints:
    return np.flatnonzero(_is_other(subject, subject.model.rows))


def _rounding(matrix: Matrix) -> float:
    steps = np.spacing(np.ones(1, matrix.dtype)).astype(np.float64)
    return float(max(steps[0], np.finfo(np.float32).eps))


def check_model(subject: Subject) -> Outcome:
    """Run the model on source-language lines and count the places where a new id or padding scores highest."""
    if not subject.model.is_headed:
        return not_run("the model has no output head")
    kept, others, places, offenders = subject.plan.kept_ids, _others(subject), 0, list[str]()
    if not len(others):
        return not_run(ALL_GIVEN)
    pairs = zip(subject.lines, subject.line_ids, strict=True)
    texts = [(line, ids) for line, ids in pairs if ids and subject.is_kept(ids)]
    if not texts:
        return not_run("no source-language line is spelt with old ids only", is_open=True)
    for line, ids in texts[:MOST_TEXTS]:
        scores = subject.model.scores(ids[:MOST_TOKENS])
        # Strictly above: an equal score is as good.
        flips = (scores[:, others].amax(-1) > scores[:, kept].amax(-1)).nonzero().flatten().tolist()
        places += len(scores)
        offenders += [f"{line!r}, place {place}: {subject.show(int(scores[place].argmax()))}" for place in flips]
    evidence = f"at {len(offenders)} of {places:,} places, in {min(len(texts), MOST_TEXTS)} {subject.lines_name}"
    evidence += _left_out(output_rows(subject.vocabulary_rows))
    if subject.manifest.factorization:
        evidence += "; all rows changed, so which old token wins may be another than the base's"
    return judge(offenders, evidence)
