"""Several corpora in chosen proportions, streamed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vocabx.core.errors import InputError

__all__ = ["Contribution", "Mixture", "Part"]

Batches = Callable[[], Iterable[Sequence[str]]]


@dataclass(frozen=True)
class Part:
    """One corpus of a mixture: its label, how to read it from its beginning, and its weight if it has one."""

    label: str
    batches: Batches
    weight: float | None = None

    def __post_init__(self) -> None:
        if self.weight is not None and not 0 < self.weight < float("inf"):
            raise InputError(f"The weight of the corpus {self.label!r} must be a number above 0, got {self.weight:g}.")


@dataclass(frozen=True)
class Contribution:
    """What a corpus holds, and what of it the mixture took; a line that is taken twice counts twice."""

    label: str
    lines: int
    bytes: int
    lines_taken: int
    bytes_taken: int


@dataclass
class Mixture:
    """Several corpora in proportions, in their order, as many bytes in all as they have together.

    The share of corpus i is proportional to its weight, or without weights to (its share of the bytes)^(1 / T). At
    T = 1 every line is taken once; above, small corpora get more than their share. A line is taken r times on
    average, r being the wanted share over the actual one: the whole part of r for certain, one more time by a draw.

    Attributes
    ----------
    parts : sequence of Part
        With different labels; either all have a weight or none has.
    temperature : float
        At least 1.
    seed : int
        Fixes the draws.
    contributions : list of Contribution
        After `batches` came to its end, what each corpus gave.
    """

    parts: Sequence[Part]
    temperature: float = 1.0
    seed: int = 0
    contributions: list[Contribution] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        if not 1 <= self.temperature < float("inf"):
            raise InputError(f"The temperature must be a number of at least 1, got {self.temperature:g}.")
        if self.seed < 0:
            raise InputError(f"The seed must not be negative, got {self.seed}.")
        bare = [part.label for part in self.parts if part.weight is None]
        if bare and len(bare) < len(self.parts):
            raise InputError(f"Either every corpus has a weight or none has; {bare[0]!r} has none.")

    @property
    def is_sampled(self) -> bool:
        """Whether any line may be taken more or less than once."""
        return len(self.parts) > 1 and (self.temperature != 1 or self.parts[0].weight is not None)

    def batches(self) -> Iterator[list[str]]:
        """Yield the lines; sampling needs the corpora's sizes and reads them once before."""
        rates = self._rates() if self.is_sampled else np.ones(len(self.parts))
        generator = np.random.default_rng(self.seed)
        self.contributions = []
        for part, rate in zip(self.parts, rates.tolist(), strict=True):
            yield from self._taken(part, rate, generator)

    def _rates(self) -> NDArray[np.float64]:
        """Return how often a line of each corpus is taken on average, shape (corpora,)."""
        sizes = np.array([sum(map(_bytes, part.batches())) for part in self.parts], np.float64)
        actual = sizes / sizes.sum()
        weights = [part.weight for part in self.parts if part.weight is not None]
        wanted = np.array(weights) if weights else actual ** (1 / self.temperature)
        return np.asarray(wanted / wanted.sum() / actual)

    def _taken(self, part: Part, rate: float, generator: np.random.Generator) -> Iterator[list[str]]:
        totals = np.zeros(4, np.int64)
        for batch in part.batches():
            times = np.full(len(batch), rate // 1, np.int64)
            if rate % 1:
                times += generator.random(len(batch)) < rate % 1
            taken = [line for line, count in zip(batch, times.tolist(), strict=True) for _ in range(count)]
            totals += len(batch), _bytes(batch), len(taken), _bytes(taken)
            if taken:
                yield taken
        self.contributions.append(Contribution(part.label, *totals.tolist()))


def _bytes(lines: Sequence[str]) -> int:
    return sum(len(line.encode()) for line in lines)
