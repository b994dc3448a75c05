"""Bits: what must not change is compared with the base byte by byte."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from vocabx.checkpoint import Checkpoint
from vocabx.checkpoint.config import read_generation_config, resized_config
from vocabx.checkpoint.read import StoredTensor
from vocabx.checkpoint.token_ids import MovedIds, id_settings
from vocabx.checkpoint.writing.resize import LONG_RUN
from vocabx.checkpoint.writing.storage import Storage, cast_settings
from vocabx.core.arrays import ROWS_PER_BLOCK, Ints, Matrix
from vocabx.core.plan import Plan
from vocabx.factorization import MODEL
from vocabx.factorization.recoded import model_settings, primitives_name, source_matrices
from vocabx.verification.casts import is_cast_of, unlike_cast
from vocabx.verification.finding import Outcome, judge, passed
from vocabx.verification.subject import Subject
from vocabx.verification.vocabulary_rows import VocabularyRows

__all__ = ["check_old_rows", "check_other_tensors", "differing_units"]

BLOCK_BYTES = 1 << 23
SETTINGS_OF_TOKENIZERS = frozenset({"tokenizer_class", "transformers_version"})


def differing_units(
    own: StoredTensor, base: StoredTensor, size: int, unit: int, first: int = 0, origin: int = 0
) -> Iterator[int]:
    """Compare `size` bytes of two tensors block by block and yield the places of the units of `unit` bytes that differ.

    It starts at unit `first` of one and unit `origin` of the other. The files are read, not mapped, so that memory
    stays at two blocks however large the tensors are.
    """
    step = max(1, BLOCK_BYTES // unit) * unit
    with own.path.open("rb", buffering=0) as ours, base.path.open("rb", buffering=0) as theirs:
        ours.seek(own.entry.begin + first * unit)
        theirs.seek(base.entry.begin + origin * unit)
        for start in range(0, size, step):
            wanted = min(step, size - start)
            left, right = (np.fromfile(file, np.uint8, wanted) for file in (ours, theirs))
            if not np.array_equal(left, right):
                differs = (left != right).reshape(-1, unit).any(axis=1)
                yield from (start // unit + np.flatnonzero(differs)).tolist()


def check_old_rows(subject: Subject) -> Outcome:
    """Compare the raw bytes of every kept row in the input, the head and the biases with those of its origin.

    Of a factorised model, rows are compared with the base's, factorised again, within the rounding of what is stored.
    Of a model that was cast, they are compared with the base's, cast again. After a training, other rows are reported
    and do not fail, unless its recipe is one that leaves old rows alone.
    """
    own, base = subject.checkpoint, _base(subject)
    factored = {tensor.name: tensor for tensor in _factored(subject)}
    offenders, sizes = list[str](), list[str]()
    for name in base.resized:
        found = own.tensors.get(name)
        if found is None or not _is_alike(subject.storage, found, base.tensors[name], has_width=name not in factored):
            offenders.append(f"{name} is not there, or of another type or width")
            continue
        if name in factored:
            rows = list(_unfactored_rows(factored[name]))
        else:
            rows = sorted(_differing_rows(found, base.tensors[name], subject.plan))
        offenders += [f"{name}, row {subject.show(row)}" for row in rows]
        sizes.append(f"{name}: {subject.plan.kept - len(rows):,} of {subject.plan.kept:,}")
    if offenders and subject.is_trained and not subject.manifest.keeps_old_rows:
        return passed(f"training changed old rows, which is as it may be; unchanged are {'; '.join(sizes)}")
    return judge(offenders, f"{_manner(subject)} are {'; '.join(sizes)}")


def _manner(subject: Subject) -> str:
    rank, dtype = subject.manifest.factorization.get("rank"), subject.manifest.dtype
    if rank is not None:
        return f"all rows changed; within rounding the base's factorised to rank {rank}"
    return "bit-identical" if dtype is None else f"bit-identical to the base's cast to {dtype}"


def _factored(subject: Subject) -> list[VocabularyRows]:
    if not subject.manifest.factorization:
        return []
    return [tensor for tensor in subject.vocabulary_rows if tensor.role != "bias"]


def _unfactored_rows(tensor: VocabularyRows) -> Iterator[int]:
    """Yield the kept ids whose row is not what the base's stands for when it is factorised."""
    ids = tensor.plan.kept_ids
    for start in range(0, len(ids), ROWS_PER_BLOCK):
        block = ids[start : start + ROWS_PER_BLOCK]
        source = np.asarray(tensor.source[tensor.plan.origins[block]], np.float32)
        yield from block[~tensor.reading.agrees(np.asarray(tensor.matrix[block]), source)].tolist()


def _differing_rows(own: StoredTensor, base: StoredTensor, plan: Plan) -> Iterator[int]:
    """Yield the kept ids whose row differs: long runs are read in order, scattered rows are gathered."""
    if own.entry.dtype != base.entry.dtype:
        yield from unlike_cast(own, base, plan.kept_ids, plan.origins[plan.kept_ids])
        return
    unit, short = own.entry.row_size, list[Ints]()
    for run in plan.runs:
        if run.size < LONG_RUN:
            short.append(np.arange(run.first, run.first + run.size))
            continue
        places = differing_units(own, base, run.size * unit, unit, run.first, run.origin)
        yield from (run.first + place for place in places)
    ids = np.concatenate([np.empty(0, np.int64), *short])
    ours, theirs = (_as_bytes(tensor) for tensor in (own, base))
    for start in range(0, len(ids), ROWS_PER_BLOCK):
        block = ids[start : start + ROWS_PER_BLOCK]
        yield from block[(ours[block] != theirs[plan.origins[block]]).any(axis=1)].tolist()


def _as_bytes(tensor: StoredTensor) -> Matrix:
    matrix = tensor.map()
    return matrix.reshape(len(matrix), -1).view(np.uint8)


def _base(subject: Subject) -> Checkpoint:
    assert subject.base_checkpoint is not None, "the table of checks says base_weights"
    return subject.base_checkpoint


def _is_alike(storage: Storage, own: StoredTensor, base: StoredTensor, has_width: bool) -> bool:
    has_type = own.entry.dtype == storage.type_of(base.entry)
    return has_type and (not has_width or own.entry.shape[1:] == base.entry.shape[1:])


def check_other_tensors(subject: Subject) -> Outcome:
    """Compare the raw bytes of every other tensor, and every setting of config.json that the plan does not change.

    Tensors that were trained since, by the record in `vocabx.json`, are left out.
    """
    own, base = subject.checkpoint, _base(subject)
    offenders = [f"{name} is the base's only" for name in sorted(base.tensors.keys() - own.tensors.keys())]
    factors = _factor_names(subject, base)
    offenders += [f"{name} is not the base's" for name in sorted(own.tensors.keys() - base.tensors.keys() - factors)]
    trained = {name for run in subject.manifest.training for name in run.get("changed", ())}
    others = sorted(own.tensors.keys() & base.tensors.keys() - set(base.resized) - trained)
    offenders += [name for name in others if not _is_same(subject.storage, own.tensors[name], base.tensors[name])]
    offenders += [f"config.json: {setting}" for setting in _changed_settings(subject, own, base)]
    offenders += [f"generation_config.json: {setting}" for setting in _changed_generation(own, base, subject.plan)]
    size = sum(own.tensors[name].entry.size for name in others)
    evidence = f"{len(others):,} tensors of {size:,} bytes, and config.json"
    if subject.manifest.dtype:
        evidence = f"cast to {subject.manifest.dtype}, {evidence}"
    if subject.manifest.training:
        evidence += f"; {len(trained):,} tensors were trained"
    if planned := _planned_settings(subject, base):
        evidence += f" but for {', '.join(planned)}, as planned"
    if factors:
        evidence += f"; added for the factors: {', '.join(sorted(factors))}"
    return judge(offenders, evidence)


def _is_same(storage: Storage, own: StoredTensor, base: StoredTensor) -> bool:
    if (own.entry.dtype, own.entry.shape) != (storage.type_of(base.entry), base.entry.shape):
        return False
    if own.entry.dtype == base.entry.dtype:
        return not any(True for _ in differing_units(own, base, own.entry.size, 1))
    return is_cast_of(own, base)


def _factor_names(subject: Subject, base: Checkpoint) -> set[str]:
    """Name the tensors that a factorised model has besides the base's."""
    if subject.manifest.factorization.get("form") != MODEL:
        return set()
    return {primitives_name(name) for name in source_matrices(base).values()}


def _expected_settings(subject: Subject, base: Checkpoint) -> dict[str, Any]:
    expected: dict[str, Any] = resized_config(base.config, subject.plan)
    if subject.manifest.factorization.get("form") == MODEL:
        expected |= model_settings(subject.manifest.factorization["rank"])
    return cast_settings(expected, subject.manifest.dtype) if subject.manifest.dtype else expected


def _planned_settings(subject: Subject, base: Checkpoint) -> list[str]:
    """Name the settings that had to become others than the base's."""
    expected = _expected_settings(subject, base)
    return sorted(name for name in expected if expected[name] != base.config.get(name))


def _changed_settings(subject: Subject, own: Checkpoint, base: Checkpoint) -> list[str]:
    expected = _expected_settings(subject, base)
    names = (expected.keys() | own.config.keys()) - SETTINGS_OF_TOKENIZERS
    return sorted(name for name in names if expected.get(name) != own.config.get(name))


def _changed_generation(own: Checkpoint, base: Checkpoint, plan: Plan) -> list[str]:
    """Name the ids for generation that do not follow the plan; those of an extension are its user's to change."""
    before, after = (read_generation_config(checkpoint.directory) for checkpoint in (base, own))
    if plan.keeps_ids or before is None:
        return []
    expected, found = (id_settings(settings or {}) for settings in (MovedIds(plan).move(before), after))
    return sorted(name for name in expected if expected[name] != found.get(name))
