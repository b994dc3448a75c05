"""Recipe: how a model is fine-tuned, the same for all models that are compared."""

from __future__ import annotations

from dataclasses import dataclass

from vocabx.core.errors import InputError

__all__ = ["DTYPES", "Recipe"]

DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Recipe:
    """What AdamW does with a linear schedule.

    Attributes
    ----------
    epochs : float
        How often the training examples are seen.
    steps : int or None
        Take so many steps instead, whatever that is in epochs.
    learning_rate : float
        The highest one, reached after `warmup` of the steps; it falls to 0 by the last.
    batch_size, max_length : int
        Examples in a step, and the tokens, special ones included, at which one is cut off.
    weight_decay, warmup : float
    frozen_embeddings : bool
        Leave the rows of the vocabulary as they are: faster where they are most of the model, and no row of the source
        language moves away from rows of the target language, which get no gradient.
    dtype : {"float32", "bfloat16", "float16"}
        What is computed in; the weights stay float32.
    """

    epochs: float = 3.0
    steps: int | None = None
    learning_rate: float = 2e-5
    batch_size: int = 32
    max_length: int = 128
    weight_decay: float = 0.0
    warmup: float = 0.1
    frozen_embeddings: bool = False
    dtype: str = "float32"

    def __post_init__(self) -> None:
        positive = {
            "number of epochs": self.epochs,
            "number of steps": 1 if self.steps is None else self.steps,
            "learning rate": self.learning_rate,
            "batch size": self.batch_size,
            "greatest length": self.max_length,
        }
        for name, value in positive.items():
            if not value > 0:
                raise InputError(f"The {name} must be greater than 0, and is {value}.")
        if self.dtype not in DTYPES:
            raise InputError(f"Fine-tuning computes in {', '.join(DTYPES)}, not in {self.dtype!r}.")
