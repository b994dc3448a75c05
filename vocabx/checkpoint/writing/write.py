"""Write the model files of a resized checkpoint, copying every byte that stays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from vocabx.checkpoint.config import read_generation_config, resized_config, resized_generation_config, spell_like
from vocabx.checkpoint.read import CONFIG, GENERATION_CONFIG, INDEX, Checkpoint
from vocabx.checkpoint.safetensors_file import BITS, SafetensorsFile
from vocabx.checkpoint.staging.atomic import synchronize
from vocabx.checkpoint.staging.journal import Journal
from vocabx.checkpoint.writing.ahead import Ahead
from vocabx.checkpoint.writing.background import Background
from vocabx.checkpoint.writing.changes import Changes, changed_index, unchanged_files
from vocabx.checkpoint.writing.copying import Progress
from vocabx.checkpoint.writing.finishing import Finishing
from vocabx.checkpoint.writing.job import job_name
from vocabx.checkpoint.writing.linking import check_links
from vocabx.checkpoint.writing.recoding import Recoding
from vocabx.checkpoint.writing.resize import check_plan, plan_resizes
from vocabx.checkpoint.writing.storage import COPY, SHARDS, Storage, cast_settings
from vocabx.checkpoint.writing.together import write_together
from vocabx.checkpoint.writing.weight_file import carry_whole, write_weight_file
from vocabx.core.errors import InputError
from vocabx.core.initialization import Initialization, RowRule
from vocabx.core.plan import Plan

__all__ = ["bytes_to_write", "check_storage", "write_checkpoint"]

NOTHING_RECODED = Recoding()
AS_STORED = Storage()


def write_checkpoint(
    checkpoint: Checkpoint,
    plan: Plan,
    initialization: Initialization,
    out: Path,
    *,
    padding: RowRule | None = None,
    recoding: Recoding = NOTHING_RECODED,
    storage: Storage = AS_STORED,
    progress: Progress | None = None,
    journal: Journal | None = None,
    ahead: Ahead | None = None,
) -> None:
    """Write weights, index, config.json and generation_config.json of the resized model into a directory.

    Rows that the plan keeps are copied byte for byte. New rows are made from the base's rows of the same matrix (a head
    from head rows, a bias from bias entries) and stored in its type. Every padding row is the single row of `padding`.
    With a `recoding`, all rows of a matrix go through its map, kept ones too, and its new tensors are written as well.
    A `storage` may share files that do not change with the base, or cast all floating-point tensors to another type.

    `out` must exist and should come from `staged_directory`. config.json is written last: without it, nothing loads.
    `progress` is told the number of bytes written since its last call; `bytes_to_write` gives their sum.
    With the `journal` of the staged directory, files that a run of the same job has finished are not written again;
    nor are those that were copied `ahead`.
    """
    check_plan(checkpoint, plan, padding)
    changes = _changes(checkpoint, plan, initialization, padding, recoding, storage)
    if journal is not None:
        journal.begin(job_name(checkpoint, plan, initialization, padding, recoding, storage))
    with Finishing(out, journal) as finishing, Background(progress or (lambda count: None)) as background:
        taken = {name: size for name in checkpoint.files if (size := finishing.taken_over(name)) is not None}
        background.report(sum(taken.values()))
        # One core copies at half the speed of two, so whole files are copied beside those that get new rows.
        whole = unchanged_files(checkpoint, storage)
        for name in whole:
            if name not in taken:
                copied = ahead.steps(name) if ahead else None
                carried = copied or carry_whole(checkpoint.files[name], out / name, storage.shards)
                background.run(chain(carried, finishing.steps(name)))
        touched = sorted(checkpoint.files.keys() - set(whole) - taken.keys())
        write = partial(_write_touched, changes=changes, finishing=finishing, ahead=ahead)
        tasks = [partial(write, checkpoint.files[name], out / name) for name in touched]
        write_together(tasks, background.report)
    if checkpoint.index is not None:
        _write_json(changed_index(checkpoint, changes), checkpoint.directory / INDEX, out / INDEX)
    _write_generation_config(checkpoint, plan, out)
    synchronize(out)
    config = {**resized_config(checkpoint.config, plan), **recoding.settings}
    config = cast_settings(config, storage.dtype) if storage.dtype else config
    _write_json(config, checkpoint.directory / CONFIG, out / CONFIG)
    synchronize(out / CONFIG)


def _write_touched(
    file: SafetensorsFile,
    target: Path,
    progress: Progress,
    *,
    changes: Changes,
    finishing: Finishing,
    ahead: Ahead | None,
) -> None:
    begun = None
    for count in (ahead.steps(target.name) if ahead else None) or ():
        begun = count
        progress(0)  # which ends this where the work was stopped
    with Background(progress) as background:
        write_weight_file(file, changes, target, background, begun)
        background.run(finishing.steps(target.name))


def bytes_to_write(
    checkpoint: Checkpoint, plan: Plan, recoding: Recoding = NOTHING_RECODED, storage: Storage = AS_STORED
) -> int:
    """Return how many bytes of tensors `write_checkpoint` reports to `progress`."""
    bits = {name: BITS[storage.type_of(tensor.entry)] for name, tensor in checkpoint.tensors.items()}
    numbers = {name: tensor.entry.size * 8 // BITS[tensor.entry.dtype] for name, tensor in checkpoint.tensors.items()}
    for name in checkpoint.resized:
        recoded = recoding.maps.get(name)
        width = recoded.columns if recoded else numbers[name] // checkpoint.tensors[name].entry.shape[0]
        numbers[name] = plan.rows_after * width
    new = sum(decoder.matrix.size * bits[decoder.beside] for decoder in recoding.decoders.values())
    return (sum(numbers[name] * bits[name] for name in numbers) + new) // 8


def check_storage(checkpoint: Checkpoint, storage: Storage, out: Path | None = None) -> str:
    """Raise `VocabxError` where weights cannot be stored as is asked for; say what becomes of files that are linked.

    Nothing is written that stays, so that it can be done before any long work. Without `out`, no link is tried.
    """
    for tensor in checkpoint.tensors.values():
        storage.type_of(tensor.entry)  # refuses what cannot be cast
    kept = [checkpoint.files[name] for name in unchanged_files(checkpoint, storage)]
    if storage.shards == COPY:
        return ""
    is_cast = any(storage.is_cast(tensor.entry) for tensor in checkpoint.tensors.values())
    if is_cast and not kept:
        raise InputError(
            f"A cast to {storage.dtype} changes every weight file, so that there is none to {storage.shards}. Leave "
            "out --shards or --dtype (shards=, dtype=)."
        )
    if not kept:
        return f"none of {len(checkpoint.files)}: every weight file holds rows of tokens, and is written"
    if out is not None:
        check_links([file.path for file in kept], out, storage.shards)
    return f"{len(kept)} of {len(checkpoint.files)} weight files {SHARDS[storage.shards]}"


def _changes(
    checkpoint: Checkpoint,
    plan: Plan,
    initialization: Initialization,
    padding: RowRule | None,
    recoding: Recoding,
    storage: Storage,
) -> Changes:
    resizes = plan_resizes(checkpoint, plan, initialization, padding, recoding.maps)
    cast = {name: replace(resize, dtype=storage.type_of(resize.source.entry)) for name, resize in resizes.items()}
    return Changes(cast, recoding.decoders, storage)


def _write_generation_config(checkpoint: Checkpoint, plan: Plan, out: Path) -> None:
    original = checkpoint.directory / GENERATION_CONFIG
    before = read_generation_config(checkpoint.directory)
    after = resized_generation_config(before, checkpoint.config, plan)
    if after is not None:
        _write_json(after, original if before is not None else None, out / GENERATION_CONFIG)


def _write_json(data: Mapping[str, Any], original: Path | None, target: Path) -> None:
    text = original.read_bytes() if original and json.loads(original.read_bytes()) == data else None
    target.write_bytes(text if text is not None else spell_like(data, original).encode())
