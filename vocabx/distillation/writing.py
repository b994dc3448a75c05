"""Write a distilled model: only rows of new tokens change, and all else keeps its bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vocabx.core.arrays import Ints
from vocabx.core.errors import TrainingError
from vocabx.distillation.subject import Subject
from vocabx.training.model.loading import stored_state
from vocabx.training.model.output import write_trained
from vocabx.training.record import save_record

__all__ = ["write_distilled"]


def write_distilled(
    subject: Subject, ids: Ints, with_head: bool, record: Mapping[str, Any], out: Path, languages: Sequence[str] = ()
) -> tuple[str, ...]:
    """Write the model with its new rows into an existing directory; return the names of the tensors that changed.

    `ids` say which rows were trained, and `with_head` whether those of a head of its own were.

    Raises
    ------
    TrainingError
        When a row is not finite.
    """
    checkpoint, names = subject.loaded.checkpoint, subject.loaded.names
    trained = (checkpoint.input, checkpoint.head if checkpoint.tied or with_head else None)
    rows = {name for name in trained if name is not None and name in names}
    _restore_old_rows(subject, rows, ids)
    # The other tensors may have been rounded to what was computed in.
    loaded = replace(subject.loaded, names={name: names[name] for name in sorted(rows)})
    changed = write_trained(loaded, subject.model, out)
    save_record(record, checkpoint, subject.manifest.base, out, languages)
    return changed


def _restore_old_rows(subject: Subject, rows: set[str], ids: Ints) -> None:
    """Put the stored rows back, in float32, everywhere but at the ids that were trained."""
    import torch

    checkpoint, model, state = subject.loaded.checkpoint, subject.model, stored_state(subject.model)
    modules = [model.get_input_embeddings(), model.get_output_embeddings()]
    for name in sorted(rows):
        matrix = state[subject.loaded.names[name]].detach()
        trained = matrix[torch.from_numpy(ids).to(matrix.device)].float().cpu()
        if not torch.isfinite(trained).all():
            raise TrainingError("A trained row is not finite, and nothing was written; choose a smaller learning rate.")
        whole = torch.from_numpy(np.array(checkpoint.matrix(name), np.float32))
        whole[torch.from_numpy(ids)] = trained
        for module in modules:
            if module is not None and module.weight.data_ptr() == matrix.data_ptr():
                module.weight = torch.nn.Parameter(whole, requires_grad=False)
