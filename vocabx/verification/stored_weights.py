"""Stored weights: the new rows must follow from them, each matrix's from its own rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vocabx.core.alignment import Alignment
from vocabx.core.arrays import Bools, Ints
from vocabx.verification.finding import Outcome, failed, judge, not_run
from vocabx.verification.reading import same_bits
from vocabx.verification.subject import Subject
from vocabx.verification.vocabulary_rows import VocabularyRows

__all__ = ["check_applied", "check_convex", "check_head"]

SAMPLED_ROWS = 256


@dataclass(frozen=True)
class _Sample:
    """Some rows of an untied head, made again of head rows and of input rows."""

    ids: Ints
    as_head: Bools
    as_input: Bools


def check_head(subject: Subject) -> Outcome:
    """Make a sample of head rows again from both matrices; where the results differ, only the head's may fit."""
    sample = _sample(subject)
    if not len(sample.ids):
        return not_run("all new rows of the head were given")
    wrong = np.flatnonzero(~sample.as_head)
    evidence = f"of {len(sample.ids):,} sampled rows {int(sample.as_head.sum()):,} are made of head rows and "
    evidence += f"{int(sample.as_input.sum()):,} of input rows"
    return judge([subject.show(int(sample.ids[row])) for row in wrong], evidence)


def _sample(subject: Subject) -> _Sample:
    tensors = {tensor.role: tensor for tensor in subject.vocabulary_rows}
    head, source = tensors["head"], tensors["input"].source
    made = np.flatnonzero(head.is_made)
    count = min(SAMPLED_ROWS, len(made))
    rows = made[np.linspace(0, len(made) - 1, count).astype(np.int64)]
    ids = subject.plan.new_ids[rows]
    found, alignment = np.asarray(head.matrix[ids]), subject.alignments["head"].select(rows)
    from_head = alignment.apply(head.source)
    as_head = head.reading.agrees(found, from_head)
    if source.shape[1] != head.source.shape[1] or source.dtype != head.source.dtype:
        return _Sample(ids, as_head, np.zeros(count, np.bool_))
    from_input = alignment.apply(source)
    with np.errstate(over="ignore"):
        alike = same_bits(from_head.astype(found.dtype), from_input.astype(found.dtype))
    return _Sample(ids, as_head, head.reading.agrees(found, from_input) & ~alike)


def check_applied(subject: Subject) -> Outcome:
    """Make every new row again that the method made, and compare to the bit, or after factorisation within rounding."""
    offenders, evidence = list[str](), list[str]()
    for tensor in subject.vocabulary_rows:
        if tensor.alignment is None:
            evidence.append(f"{tensor.name}: drawn")
            continue
        wrong = _wrong_rows(tensor, tensor.alignment)
        offenders += [f"{tensor.name}, row {subject.show(row)}" for row in wrong]
        made = subject.plan.new - tensor.given
        given = f" ({tensor.given:,} more were given)" if tensor.given else ""
        evidence.append(f"{tensor.name}: {made - len(wrong):,} of {made:,}{given}")
    return judge(offenders, "the same are " + "; ".join(evidence))


def _wrong_rows(tensor: VocabularyRows, alignment: Alignment) -> list[int]:
    wrong, start = list[int](), 0
    for block in alignment.blocks(tensor.source):
        same = tensor.reading.agrees(np.asarray(tensor.new_rows(start, len(block))), block)
        rows = slice(start, start + len(block))
        wrong += tensor.plan.new_ids[rows][~same & tensor.is_made[rows]].tolist()
        start += len(block)
    return wrong


def check_convex(subject: Subject) -> Outcome:
    """Look at the weights of every row that the method made: non-negative, summing to 1, and stored at all."""
    missing = sorted({"input", "head", "bias"} - subject.alignments.keys())
    if missing:
        return failed(f"the method promises convex rows and stores no weights for {', '.join(missing)}")
    offenders = [
        f"{role}, row {subject.show(token)}"
        for role, alignment in subject.alignments.items()
        for token in subject.plan.new_ids[~alignment.is_convex & subject.is_made(role)].tolist()
    ]
    kept = [alignment.effective_support[subject.is_made(role)] for role, alignment in subject.alignments.items()]
    supports = np.concatenate(kept)
    given = max(subject.manifest.given_rows.values(), default=0)
    evidence = f"{len(offenders):,} rows of {subject.plan.new:,} are not"
    evidence += f", where {given:,} given ones are left out" if given else ""
    return judge(offenders, f"{evidence}; a row rests on {float(np.median(supports)):.3g} source rows (median)")
