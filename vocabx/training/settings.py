"""Settings of a pretraining: how much text is read, in what portions, and how often it is looked at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from vocabx.core.errors import InputError, UnknownNameError
from vocabx.core.setting_types import check_types

__all__ = ["CAUSAL", "MASKED", "OBJECTIVES", "TYPES", "TrainingSettings", "option_name"]

CAUSAL, MASKED = "causal", "masked"
OBJECTIVES = (CAUSAL, MASKED)
TYPES = ("float32", "bfloat16")
"""Types to compute in; what is trained is float32 in any case."""
SEEDS = 2**32
"""How many numbers numpy takes for a seed."""
FREE = ("log_every", "save_every", "keep_stages", "checkpoint_gradients", "cpu")
"""Settings that may change between a run and its continuation: they decide no weight of it but by rounding."""


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How a recipe is carried out.

    Attributes
    ----------
    objective : {"causal", "masked"}, optional
        Predict the next token or masked ones; by default as the model's class does.
    tokens : int, optional
        Tokens that are read in all stages together, rounded up to whole steps. Without it and without `epochs`, the
        corpus is read once.
    epochs : float, optional
        Instead of `tokens`: how often the corpus is read.
    batch_size, accumulate : int
        Sequences that one device reads at once, and how many such batches make a step.
    length : int, optional
        Tokens of a sequence; by default the recipe's, else the model's context, at most 2048.
    seed : int
        Of the order of the text, of masks and of dropout.
    dtype : {"float32", "bfloat16"}
        What is computed in (autocast); what is trained is kept in float32.
    replay_share : float
        Share of the sequences that come from the source-language corpus, where one is given.
    mask_share : float
        Share of tokens that a masked model has to predict.
    whole_words : bool
        Mask the tokens of a word together.
    largest_gradient : float
        Norm to which gradients are cut; 0 leaves them.
    checkpoint_gradients : bool
        Compute states again in the backward pass, which takes time and saves memory.
    cpu : bool
        Stay on the CPU where there is a GPU.
    log_every : int
        Steps from one line of the curve to the next.
    evaluate_every, save_every : int, optional
        Tokens from one measurement or saved state to the next, rounded up to lines of the curve; by default a tenth
        and a twentieth of the run.
    held_out_limit : int, optional
        Documents of each held-out text that are measured, drawn once by the seed.
    keep_stages : bool
        Write the model after each stage but the last as well, beside the output.
    """

    objective: str | None = None
    tokens: int | None = None
    epochs: float | None = None
    batch_size: int = 8
    accumulate: int = 1
    length: int | None = None
    seed: int = 0
    dtype: str = "float32"
    replay_share: float = 0.1
    mask_share: float = 0.15
    whole_words: bool = False
    largest_gradient: float = 1.0
    checkpoint_gradients: bool = False
    cpu: bool = False
    log_every: int = 10
    evaluate_every: int | None = None
    save_every: int | None = None
    held_out_limit: int | None = 200
    keep_stages: bool = False

    def __post_init__(self) -> None:
        check_types(self)
        self._check_choices()
        self._check_numbers()

    def _check_choices(self) -> None:
        if self.objective is not None and self.objective not in OBJECTIVES:
            raise UnknownNameError("objective", self.objective, OBJECTIVES)
        if self.dtype not in TYPES:
            raise UnknownNameError("type to compute in", self.dtype, TYPES)
        if self.tokens is not None and self.epochs is not None:
            raise InputError("The text to read is given twice: leave out --tokens (tokens=) or --epochs (epochs=).")

    def _check_numbers(self) -> None:
        for name, value in self._positive().items():
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"{option_name(name)} is {value}, but must be positive{' and finite' * (value > 0)}.")
        if self.length is not None and self.length < 2:
            raise InputError(f"--length is {self.length}, but a sequence has at least 2 tokens.")
        if not 0 < self.replay_share < 1:
            raise InputError(f"--replay-share is {self.replay_share}, but must lie between 0 and 1.")
        if not 0 < self.mask_share < 1:
            raise InputError(f"--mask-share is {self.mask_share}, but must lie between 0 and 1.")
        if not 0 <= self.seed < SEEDS:
            raise InputError(f"--seed is {self.seed}; it must not be negative, and less than {SEEDS}.")
        if not self.largest_gradient >= 0:
            raise InputError(f"--largest-gradient is {self.largest_gradient}, but must not be negative.")

    def _positive(self) -> Mapping[str, float | None]:
        names = ("tokens", "epochs", "batch_size", "accumulate", "log_every")
        return {name: getattr(self, name) for name in (*names, "evaluate_every", "save_every", "held_out_limit")}

    def check_use(self, objective: str, has_replay: bool, stages: int) -> None:
        """Raise `InputError` where a setting was given that does nothing in a run of this kind."""
        given = {each.name for each in fields(self) if getattr(self, each.name) != each.default}
        for name, is_used, why in (
            ("replay_share", has_replay, "without --replay (replay=), the source-language text to mix in"),
            ("mask_share", objective == MASKED, "with the causal objective, which predicts every token"),
            ("whole_words", objective == MASKED, "with the causal objective, which predicts every token"),
            ("keep_stages", stages > 1, "with a recipe of one stage, after which --out is written"),
        ):
            if name in given and not is_used:
                raise InputError(f"{option_name(name)} ({name}=) does nothing {why}; leave it out.")

    def deciding(self) -> dict[str, Any]:
        """Return the settings that a run must keep to the end; not the objective, which by default is the model's."""
        return {name: value for name, value in asdict(self).items() if name not in (*FREE, "objective")}


def option_name(name: str) -> str:
    """Return what a setting is called on the command line."""
    return f"--{name.replace('_', '-')}"
