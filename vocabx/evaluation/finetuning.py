"""What evaluations that train models have in common: how, and how their tallies become a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from vocabx import __version__
from vocabx.checkpoint.sources.hub_options import HubOptions
from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.comparison.results import fingerprint
from vocabx.core.errors import InputError
from vocabx.core.report import Cell
from vocabx.core.say import Say, say_nothing
from vocabx.eval.finetune.learner import open_stock, open_tokenizer
from vocabx.eval.finetune.recipe import Recipe
from vocabx.eval.finetune.tally import Tally
from vocabx.evaluation.context import describe_device, describe_file, describe_model, installed, name_models, own_commit
from vocabx.evaluation.parts import NOT_KEPT, Parts
from vocabx.evaluation.result import Difference, Result, Score

__all__ = ["Finetuning", "Measured", "Outcome", "finetune_models", "open_class"]


@dataclass(frozen=True)
class Finetuning:
    """How models are trained, the same for all.

    Attributes
    ----------
    recipe : Recipe
    seeds : int
        How many times each model is trained; the first time with `seed`, then with the numbers after it.
    seed : int
        Also of folds and intervals.
    limit : int, optional
        Read so many examples of each file at most, the first.
    device : {"cpu", "cuda"}, optional
        A GPU where there is one.
    hub : HubOptions
    say : callable
        Told what is being done.
    parts : Parts
        Where what a model got is kept until all are measured.
    """

    recipe: Recipe = field(default_factory=Recipe)
    seeds: int = 3
    seed: int = 0
    limit: int | None = None
    device: str | None = None
    hub: HubOptions = field(default_factory=HubOptions)
    say: Say = say_nothing
    parts: Parts = NOT_KEPT

    def __post_init__(self) -> None:
        for name, value in (("number of seeds", self.seeds), ("limit", 1 if self.limit is None else self.limit)):
            if value < 1:
                raise InputError(f"The {name} must be 1 or more, and is {value}.")

    @property
    def all_seeds(self) -> list[int]:
        """The seed of each training."""
        return list(range(self.seed, self.seed + self.seeds))

    def settings(self) -> dict[str, Cell]:
        """Return everything that decides the numbers, so of epochs and steps the one that counts."""
        recipe = {**asdict(self.recipe), "learning_rate": f"{self.recipe.learning_rate:g}"}
        del recipe["steps" if self.recipe.steps is None else "epochs"]
        return {**recipe, "seeds": self.seeds, "limit": self.limit}


@dataclass(frozen=True)
class Measured:
    """What a model got in one test: right answers or entities, and sentences that a reader must know."""

    tally: Tally
    notes: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {"parts": self.tally.parts.tolist(), "wholes": self.tally.wholes.tolist(), "notes": list(self.notes)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave."""
        return cls(Tally(*(np.array(content[name], np.float64) for name in ("parts", "wholes"))), content["notes"])


@dataclass(frozen=True)
class Outcome:
    """What does not depend on the model: the name of a test, its metric, its floor and how many items it has."""

    task: str
    metric: str
    floor: float
    items: int


def open_class(kind: str, config: Any) -> Any:
    """Return what opens a model: transformers' own class, or that of a model with factorised embeddings."""
    if getattr(config, "num_primitives", None) is None:
        return open_stock(kind, config)
    from vocabx.factorization import modeling_factorized

    return getattr(modeling_factorized, f"Factorized{kind}")


def finetune_models(
    kind: str,
    models: Sequence[str | Path],
    tests: Mapping[str, Outcome],
    learn: Callable[[Path], Mapping[str, Measured]],
    files: Sequence[Path],
    settings: Mapping[str, Cell],
    how: Finetuning,
    notes: Sequence[str],
) -> Result:
    """Train and measure models one after the other, by `learn`, and put what they got beside the first one's.

    Intervals and differences are of 2,000 draws of units, the same draws for all models.
    """
    names = name_models(models)
    directories = [resolve_model(model, hub=how.hub) for model in models]
    for directory in directories:
        open_tokenizer(directory)  # what the last model lacks is better said before the first is trained
    data = tuple(describe_file(file) for file in dict.fromkeys(files))
    settings = {**settings, **how.settings()}
    described, measured = [], []
    for name, directory in zip(names, directories, strict=True):
        model = describe_model(name, directory)
        mark = fingerprint(
            kind, __version__, model.checksum, *(file.sha256 for file in data), *tests, str(settings), how.seed
        )
        seconds, got = _recall(mark, directory, learn, how.parts)
        measured.append(got)
        described.append(replace(model, seconds=seconds))
    found = list(zip(names, measured, strict=True))
    own_notes = [f"{name}, {test}: {note}" for name, got in found for test in tests for note in got[test].notes]
    return Result(
        kind,
        tuple(described),
        tuple(
            score
            for test, outcome in tests.items()
            for name, got in found
            for score in _scores(name, outcome, got[test].tally, how)
        ),
        tuple(
            _difference(name, names[0], outcome, got[test].tally, measured[0][test].tally, how.seed)
            for test, outcome in tests.items()
            for name, got in found[1:]
        ),
        data,
        settings,
        how.seed,
        installed(["accelerate"]),
        own_commit(),
        describe_device(how.device),
        (*notes, *own_notes),
    )


def _recall(
    mark: str, directory: Path, learn: Callable[[Path], Mapping[str, Measured]], parts: Parts
) -> tuple[float, Mapping[str, Measured]]:
    """Return the seconds that it took and what the model got, where that was not kept already."""

    def work() -> dict[str, Any]:
        return {"tests": {test: measured.to_json() for test, measured in learn(directory).items()}}

    part = parts.recall(mark, work)
    return part.seconds, {test: Measured.from_json(got) for test, got in part.content["tests"].items()}


def _scores(name: str, test: Outcome, tally: Tally, how: Finetuning) -> list[Score]:
    mean = tally.interval(np.random.default_rng(how.seed))
    rows = [Score(name, test.task, test.metric, mean.estimate, mean.low, mean.high, test.floor, test.items)]
    if tally.deviation is not None:
        seeds = zip(how.all_seeds, tally.by_seed.tolist(), strict=True)
        rows += [
            Score(name, test.task, f"{test.metric}, seed {seed}", value, None, None, test.floor, test.items)
            for seed, value in seeds
        ]
        rows.append(Score(name, test.task, f"{test.metric}, deviation over seeds", tally.deviation, items=test.items))
    return rows


def _difference(name: str, against: str, test: Outcome, tally: Tally, other: Tally, seed: int) -> Difference:
    gained = tally.difference(other, np.random.default_rng(seed))
    return Difference(name, against, test.task, test.metric, gained.estimate, gained.low, gained.high)
