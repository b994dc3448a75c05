"""Steps: how the tokens of a run are divided among its stages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from vocabx.core.errors import TrainingError
from vocabx.training.recipes.recipe import Stage
from vocabx.training.settings import TrainingSettings

__all__ = ["Steps", "plan_steps"]


@dataclass(frozen=True, slots=True)
class Steps:
    """A run as steps.

    Attributes
    ----------
    stages : tuple of int
        Steps of each stage, at least one.
    sequences : int
        Sequences of a step, on all devices together.
    length : int
        Tokens of a sequence.
    evaluate_every, save_every : int
        Steps of the run between two measurements, and of a stage between two saved states.
    """

    stages: tuple[int, ...]
    sequences: int
    length: int
    evaluate_every: int
    save_every: int

    @property
    def total(self) -> int:
        """Steps of the run."""
        return sum(self.stages)

    @property
    def tokens(self) -> int:
        """Tokens of a step."""
        return self.sequences * self.length

    def before(self, stage: int) -> int:
        """Return the steps of the stages before one, counted from 0."""
        return sum(self.stages[:stage])


def plan_steps(
    stages: Sequence[Stage], settings: TrainingSettings, length: int, epoch: int, processes: int = 1
) -> Steps:
    """Divide the tokens of a run among stages by their shares; borders are rounded, and no stage is empty.

    Parameters
    ----------
    stages : sequence of Stage
        Their shares sum to 1.
    settings : TrainingSettings
    length : int
        Tokens of a sequence.
    epoch : int
        Tokens of the corpus, replayed text included.
    processes : int
        Devices, each of which reads `batch_size` sequences at once.

    Raises
    ------
    TrainingError
        When there are fewer steps than stages.
    """
    sequences = settings.batch_size * settings.accumulate * processes
    wanted = settings.tokens or epoch * (settings.epochs or 1.0)
    total = max(1, math.ceil(wanted / (sequences * length)))
    if total < len(stages):
        raise TrainingError(
            f"{wanted:,.0f} tokens are {total} step{'s' * (total != 1)} of {sequences * length:,} tokens, fewer than "
            f"the {len(stages)} stages of the recipe. Read more (--tokens), or make a step smaller (--batch-size, "
            "--accumulate, --length)."
        )
    ends, reached = [0], 0.0
    for number, stage in enumerate(stages, 1):
        reached += stage.share
        latest = total - (len(stages) - number)
        ends.append(min(max(round(reached * total), ends[-1] + 1), latest))
    ends[-1] = total
    counts = tuple(end - begin for begin, end in pairwise(ends))
    tokens = sequences * length
    return Steps(
        counts,
        sequences,
        length,
        _interval(settings.evaluate_every, tokens, total / 10, settings.log_every),
        _interval(settings.save_every, tokens, total / 20, settings.log_every),
    )


def _interval(wanted: int | None, tokens: int, otherwise: float, log_every: int) -> int:
    """Return steps, a multiple of those between two lines of the curve."""
    steps = otherwise if wanted is None else wanted / tokens
    return log_every * max(1, math.ceil(steps / log_every))
