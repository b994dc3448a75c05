"""Write a distilled model: only rows of new tokens change, and all else keeps its bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vocabx.core.arrays import Floats, Ints
from vocabx.core.errors import TrainingError
from vocabx.distillation.subject import Subject
from vocabx.distillation.training import Trained
from vocabx.training.model.loading import stored_state
from vocabx.training.model.output import write_trained
from vocabx.training.record import save_record

__all__ = ["write_distilled"]


def write_distilled(
    subject: Subject, trained: Trained, record: Mapping[str, Any], out: Path, languages: Sequence[str] = ()
) -> tuple[str, ...]:
    """Write the model with its new rows into an existing directory; return the names of the tensors that changed.

    Raises
    ------
    TrainingError
        When a row is not finite.
    """
    checkpoint, names = subject.loaded.checkpoint, subject.loaded.names
    for name, rows in trained.rows.items():
        _put_rows(subject, name, trained.ids, rows)
    written = {*trained.rows, *([checkpoint.head] if checkpoint.tied else [])}
    # The other tensors may have been rounded to what was computed in.
    loaded = replace(subject.loaded, names={name: place for name, place in names.items() if name in written})
    changed = write_trained(loaded, subject.model, out)
    save_record(record, checkpoint, subject.manifest.base, out, languages)
    return changed


def _put_rows(subject: Subject, name: str, ids: Ints, rows: Floats) -> None:
    """Put a matrix as it is stored, with other rows at some ids, into the model, in float32."""
    import torch

    if not np.isfinite(rows).all():
        raise TrainingError("A trained row is not finite, and nothing was written; choose a smaller learning rate.")
    model = subject.model
    place = stored_state(model)[subject.loaded.names[name]].data_ptr()
    whole = np.array(subject.loaded.checkpoint.matrix(name), np.float32)
    whole[ids] = rows
    weight = torch.nn.Parameter(torch.from_numpy(whole), requires_grad=False)
    for module in (model.get_input_embeddings(), model.get_output_embeddings()):
        if module is not None and module.weight.data_ptr() == place:
            module.weight = weight
