"""New rows: finite, distinct, and not of quite another length."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from vocabx.core.alignment import Alignment, mean_over
from vocabx.core.arrays import Matrix, row_blocks
from vocabx.verification.finding import Outcome, judge
from vocabx.verification.subject import Subject
from vocabx.verification.vocabulary_rows import VocabularyRows

__all__ = ["check_distinct", "check_finite", "check_norms"]

MOST_COLLAPSED = 0.01
"""Share of the new rows; the name of the check says it."""
EQUAL_BY_DESIGN = frozenset({"mean"})
SHORTEST, LONGEST = 0.1, 10.0
"""How far below the old rows' 1st percentile and their mean, or above their 99th, the median new length may be."""
VANISHING, HUGE = 0.001, 10.0
"""How far below the shortest old row and the mean row, or above the longest old row, any new row's length may be."""


def check_finite(subject: Subject) -> Outcome:
    """Look for zero, infinite and NaN rows; a bias is a single number, which may well be zero."""
    offenders = []
    for tensor in subject.vocabulary_rows:
        for start, stored in tensor.new_blocks():
            block = np.asarray(stored, np.float32)
            bad = ~np.isfinite(block).all(axis=1)
            if tensor.role != "bias":
                bad |= ~block.any(axis=1)
            ids = subject.plan.new_ids[start : start + len(block)][bad]
            offenders += [f"{tensor.name}, row {subject.show(token)}" for token in ids.tolist()]
    names = ", ".join(tensor.name for tensor in subject.vocabulary_rows)
    return judge(offenders, f"{len(offenders):,} of {subject.plan.new:,} new rows are, in {names}")


def check_distinct(subject: Subject) -> Outcome:
    """Few rows may be equal to the bit whose stored weights are not, unless the method makes them so.

    None at all would be too much to ask: rows are rounded when they are stored.
    """
    offenders, evidence = list[str](), list[str]()
    for tensor in _matrices(subject):
        rows = (row for _, block in tensor.new_blocks() for row in block)
        hashes = [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in rows]
        keys = _weight_keys(tensor.alignment, len(hashes))
        groups: dict[bytes, dict[bytes, int]] = {}
        for token, value, key in zip(subject.plan.new_ids.tolist(), hashes, keys, strict=True):
            groups.setdefault(value, {}).setdefault(key, token)
        collapsed = [list(group.values()) for group in groups.values() if len(group) > 1]
        count = sum(len(group) - 1 for group in collapsed)
        twins = len(hashes) - len(groups) - count
        evidence.append(
            f"{tensor.name}: {len(groups):,} different rows of {len(hashes):,}; {twins:,} repeat one of the same "
            f"weights, {count:,} one of other weights{', equal once rounded' if count else ''}"
        )
        is_meant = subject.manifest.method in EQUAL_BY_DESIGN or "rows" in subject.manifest.materials
        if count > MOST_COLLAPSED * len(hashes) and not is_meant:
            offenders += [f"{tensor.name}: {', '.join(subject.show(row) for row in group[:3])}" for group in collapsed]
    if subject.manifest.method in EQUAL_BY_DESIGN:
        evidence.append(f"rows of the method {subject.manifest.method!r} are equal by design")
    if "rows" in subject.manifest.materials:
        evidence.append("ready-made rows are taken as they were given")
    return judge(offenders, "; ".join(evidence))


def _matrices(subject: Subject) -> list[VocabularyRows]:
    return [tensor for tensor in subject.vocabulary_rows if tensor.role != "bias"]


def _weight_keys(alignment: Alignment | None, rows: int) -> list[bytes]:
    """Spell the weights of each row as bytes; drawn rows have none, so no two of them are alike."""
    if alignment is None:
        return [row.to_bytes(8, "little") for row in range(rows)]
    own, shared = (_sorted(weights) for weights in (alignment.weights, alignment.shared_weights))
    return [_spell(own, row) + b"|" + _spell(shared, row) for row in range(rows)]


def _sorted(weights: csr_array) -> csr_array:
    ordered = weights.copy()
    ordered.sort_indices()
    return ordered


def _spell(weights: csr_array, row: int) -> bytes:
    entries = slice(weights.indptr[row], weights.indptr[row + 1])
    content = weights.indices[entries].astype("<i8").tobytes() + weights.data[entries].tobytes()
    return hashlib.blake2b(content, digest_size=16).digest()


def check_norms(subject: Subject) -> Outcome:
    """Compare the median length of new rows, and the extremes, with those of old rows in use, and of their mean.

    Means are shorter than what they are means of, so the mean row's own length bounds a sound method from below.
    """
    offenders, evidence = list[str](), list[str]()
    usable = np.flatnonzero(subject.usable)
    mean = Alignment.build(mean_over(usable, subject.plan.tokens_before))
    for tensor in _matrices(subject):
        low, high = np.percentile(old := _norms(tensor.source)[usable], [1, 99])
        shortest = float(_norms(mean.apply(tensor.source))[0])
        lengths = np.concatenate([_norms(tensor.reading.decode(block)) for _, block in tensor.new_blocks()])
        median = float(np.median(lengths))
        least, most = SHORTEST * min(low, shortest), LONGEST * high
        evidence.append(
            f"{tensor.name}: median length {median:.4g}, limits {least:.4g} to {most:.4g} (a tenth of the mean row "
            f"{shortest:.4g} or of the old rows' 1st percentile {low:.4g}, ten times their 99th {high:.4g}); "
            f"all {lengths.min():.4g} to {lengths.max():.4g}, old rows {old.min():.4g} to {old.max():.4g}"
        )
        if not least <= median <= most:
            offenders.append(f"{tensor.name}: {median:.4g}")
        # What is zero or not finite is said by the check of that.
        is_extreme = (lengths < VANISHING * min(old.min(), shortest)) | (lengths > HUGE * old.max())
        for row in np.flatnonzero(is_extreme & np.isfinite(lengths) & (lengths > 0)).tolist():
            offenders.append(f"{tensor.name}, row {subject.show(int(subject.plan.new_ids[row]))}: {lengths[row]:.4g}")
    return judge(offenders, "; ".join(evidence))


def _norms(matrix: Matrix) -> NDArray[np.float64]:
    norms = np.empty(len(matrix))
    for start, block in row_blocks(matrix):
        norms[start : start + len(block)] = np.linalg.norm(block.astype(np.float64), axis=1)
    return norms
