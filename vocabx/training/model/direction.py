"""Direction: whether a model reads its text from left to right, as one must that learns to predict the next token."""

from __future__ import annotations

from typing import Any

import numpy as np

from vocabx.core.errors import CheckpointError

__all__ = ["check_left_to_right"]

LENGTH, CUT = 12, 6
"""Of the texts that are tried, and where they begin to differ."""
NEGLIGIBLE = 1e-4
"""Of what the other tokens change behind the cut: rounding may change as much before it."""


def check_left_to_right(model: Any) -> None:
    """Try whether tokens change what a model says of those before them.

    Encoders load as causal models too. Trained as such, they would read off the tokens that they are to predict.

    Parameters
    ----------
    model : PreTrainedModel
        With an output head.

    Raises
    ------
    CheckpointError
        When they do.
    """
    import torch

    rows = np.random.default_rng(0).integers(model.get_input_embeddings().weight.shape[0], size=(2, LENGTH))
    rows[1, :CUT] = rows[0, :CUT]
    was_training = model.training
    model.eval()
    with torch.no_grad():
        scores = model(input_ids=torch.from_numpy(rows).to(model.device), use_cache=False).logits.float()
    model.train(was_training)
    moved = (scores[0] - scores[1]).abs()
    if moved[:CUT].max() > NEGLIGIBLE * moved[CUT:].max():
        raise CheckpointError(
            f"This {type(model).__name__} reads its text in both directions, and would see the tokens that it is to "
            "predict. Train it with --objective masked (objective=)."
        )
