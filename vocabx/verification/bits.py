"""Bits: what must not change is compared with the base byte by byte."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from vocabx.checkpoint import Checkpoint
from vocabx.checkpoint.config import resized_config
from vocabx.checkpoint.read import StoredTensor
from vocabx.verification.finding import Outcome, judge, passed
from vocabx.verification.subject import Subject

__all__ = ["check_old_rows", "check_other_tensors", "differing_units"]

BLOCK_BYTES = 1 << 23
SETTINGS_OF_TOKENIZERS = frozenset({"tokenizer_class", "transformers_version"})


def differing_units(own: StoredTensor, base: StoredTensor, size: int, unit: int) -> Iterator[int]:
    """Compare the first `size` bytes of two tensors block by block and yield the units of `unit` bytes that differ.

    The files are read, not mapped, so that memory stays at two blocks however large the tensors are.
    """
    step = max(1, BLOCK_BYTES // unit) * unit
    with own.path.open("rb", buffering=0) as ours, base.path.open("rb", buffering=0) as theirs:
        ours.seek(own.entry.begin)
        theirs.seek(base.entry.begin)
        for start in range(0, size, step):
            wanted = min(step, size - start)
            left, right = (np.fromfile(file, np.uint8, wanted) for file in (ours, theirs))
            if not np.array_equal(left, right):
                differs = (left != right).reshape(-1, unit).any(axis=1)
                yield from (start // unit + np.flatnonzero(differs)).tolist()


def check_old_rows(subject: Subject) -> Outcome:
    """Compare the raw bytes of every old row in the input, the head and the biases."""
    own, base = subject.checkpoint, _base(subject)
    offenders, sizes = list[str](), list[str]()
    for name in base.resized:
        found = own.tensors.get(name)
        if found is None or not _is_alike(found, base.tensors[name]):
            offenders.append(f"{name} is not there, or of another type or width")
            continue
        unit = found.entry.row_size
        rows = list(differing_units(found, base.tensors[name], subject.plan.kept * unit, unit))
        offenders += [f"{name}, row {subject.show(row)}" for row in rows]
        sizes.append(f"{name}: {subject.plan.kept - len(rows):,} of {subject.plan.kept:,}")
    if offenders and subject.after_training:
        return passed(f"training changed old rows, which is as it may be; the same are {'; '.join(sizes)}")
    return judge(offenders, f"the same are {'; '.join(sizes)}")


def _base(subject: Subject) -> Checkpoint:
    assert subject.base_checkpoint is not None, "the table of checks says base_weights"
    return subject.base_checkpoint


def _is_alike(own: StoredTensor, base: StoredTensor) -> bool:
    return own.entry.dtype == base.entry.dtype and own.entry.shape[1:] == base.entry.shape[1:]


def check_other_tensors(subject: Subject) -> Outcome:
    """Compare the raw bytes of every other tensor, and every setting of config.json but the number of rows."""
    own, base = subject.checkpoint, _base(subject)
    offenders = [f"{name} is the base's only" for name in sorted(base.tensors.keys() - own.tensors.keys())]
    offenders += [f"{name} is not the base's" for name in sorted(own.tensors.keys() - base.tensors.keys())]
    others = sorted(own.tensors.keys() & base.tensors.keys() - set(base.resized))
    offenders += [name for name in others if not _is_same(own.tensors[name], base.tensors[name])]
    offenders += [f"config.json: {setting}" for setting in _changed_settings(own, base)]
    size = sum(own.tensors[name].entry.size for name in others)
    return judge(offenders, f"{len(others):,} tensors of {size:,} bytes, and config.json")


def _is_same(own: StoredTensor, base: StoredTensor) -> bool:
    size = own.entry.size
    if (own.entry.dtype, own.entry.shape) != (base.entry.dtype, base.entry.shape):
        return False
    return not any(True for _ in differing_units(own, base, size, 1))


def _changed_settings(own: Checkpoint, base: Checkpoint) -> list[str]:
    expected: dict[str, Any] = resized_config(base.config, base.rows, own.rows)
    names = (expected.keys() | own.config.keys()) - SETTINGS_OF_TOKENIZERS
    return sorted(name for name in names if expected.get(name) != own.config.get(name))
