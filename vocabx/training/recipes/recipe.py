"""A recipe: the stages of a training, what each trains, and how."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vocabx.core.errors import InputError, UnknownNameError
from vocabx.core.setting_types import check_types
from vocabx.training.recipes.groups import ADAPTERS, NEW_ROWS, WITH_OLD_ROWS, check_group

__all__ = ["SCHEDULES", "Adapters", "Recipe", "Stage"]

SCHEDULES = ("constant", "constant_with_warmup", "cosine", "inverse_sqrt", "linear", "polynomial")
"""Names of ``transformers.get_scheduler`` that need nothing but the number of steps."""
LOWEST = {"polynomial": 1e-7}
"""Learning rates that schedules fall to, so that they cannot begin there."""


def _check_range(name: str, value: float, least: float, most: float = math.inf, open_below: bool = False) -> None:
    # Written so that a NaN fails too.
    if not ((least < value if open_below else least <= value) and value <= most and value < math.inf):
        above = "more than" if open_below else "at least"
        limit = f" and at most {most:g}" if most < math.inf else " and finite" if value == math.inf else ""
        raise InputError(f"{name} is {value}; it must be {above} {least:g}{limit}.")


@dataclass(frozen=True, slots=True)
class Adapters:
    """Adapters of low rank (LoRA), which are added to the layers they adapt when a stage ends.

    Attributes
    ----------
    rank : int
        Rank of what is added to a matrix.
    alpha : int
        It is scaled by ``alpha / rank``.
    dropout : float
        Share of an adapter's inputs that is left out in training.
    """

    rank: int = 64
    alpha: int = 16
    dropout: float = 0.05

    def __post_init__(self) -> None:
        check_types(self)
        _check_range("rank", self.rank, 1)
        _check_range("alpha", self.alpha, 1)
        _check_range("dropout", self.dropout, 0, 0.9)


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a training in which the same parameters are trained.

    Attributes
    ----------
    name : str
        What it is called in logs.
    trains : tuple of str
        Groups of parameters; see `vocabx.training.recipes.groups.GROUPS`. All else is frozen.
    share : float
        Its share of the tokens of the whole training.
    learning_rate : float
        The highest, after warming up.
    schedule : str
        How it falls: one of `SCHEDULES`.
    warmup : float
        Share of the stage's steps in which the learning rate rises from zero; "constant" has none.
    weight_decay : float
        That of AdamW.
    adapters : Adapters, optional
        Needed if "adapters" are trained, and only then.
    """

    name: str
    trains: tuple[str, ...]
    share: float
    learning_rate: float
    schedule: str = "cosine"
    warmup: float = 0.05
    weight_decay: float = 0.01
    adapters: Adapters | None = None

    def __post_init__(self) -> None:
        check_types(self)
        _check_range("share", self.share, 0, 1, open_below=True)
        _check_range("learning_rate", self.learning_rate, LOWEST.get(self.schedule, 0), open_below=True)
        _check_range("warmup", self.warmup, 0, 1)
        _check_range("weight_decay", self.weight_decay, 0)
        if self.schedule not in SCHEDULES:
            raise UnknownNameError("schedule", self.schedule, SCHEDULES)
        if not self.trains:
            raise InputError("trains is empty; name the groups of parameters that this stage trains.")
        for group in self.trains:
            check_group(group)
        if (ADAPTERS in self.trains) != (self.adapters is not None):
            raise InputError(
                f"Stage {self.name!r} must have both or neither: the group {ADAPTERS!r} in trains, and adapters with "
                "their rank."
            )

    @property
    def needs_new_rows(self) -> bool:
        """Whether it trains the rows of new tokens apart from the others."""
        return bool(NEW_ROWS & set(self.trains))


@dataclass(frozen=True, slots=True)
class Recipe:
    """A training in stages.

    Attributes
    ----------
    name, summary, source : str
        What it is called, what it does, and where it is from.
    stages : tuple of Stage
        One after the other; their shares sum to 1.
    sequence_length : int, optional
        Tokens of a sequence; by default the model's context, at most 2048.
    predicts_next_but_one : bool
        Whether a second head learns to predict the token after the next; it is thrown away at the end.
    ours : tuple of str
        Settings that the source does not give, or not so: vocabx chose them, and they are not the source's.
    """

    name: str
    summary: str
    source: str
    stages: tuple[Stage, ...]
    sequence_length: int | None = None
    predicts_next_but_one: bool = False
    ours: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_types(self)
        if not self.stages:
            raise InputError(f"Recipe {self.name!r} has no stages.")
        total = math.fsum(stage.share for stage in self.stages)
        if abs(total - 1) > 1e-6:
            raise InputError(f"The shares of recipe {self.name!r} must sum to 1, not to {total:g}.")
        if self.sequence_length is not None:
            _check_range("sequence_length", self.sequence_length, 2)

    @property
    def keeps_old_rows(self) -> bool:
        """Whether the rows of old tokens, in the input and in the head, are the same to the bit afterwards."""
        return not any(WITH_OLD_ROWS & set(stage.trains) for stage in self.stages)

    @property
    def needs_new_rows(self) -> bool:
        """Whether a stage trains the rows of new tokens apart from the others."""
        return any(stage.needs_new_rows for stage in self.stages)
