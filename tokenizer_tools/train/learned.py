"""What a learner gives: pieces in the order of their ids, and how the model puts them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from vocabx.tokenizer_tools.train.blueprint import Blueprint
from vocabx.tokenizer_tools.train.material import Material
from vocabx.tokenizer_tools.train.options import TrainingOptions

__all__ = ["Learned", "Learner", "Lesson"]


@dataclass(frozen=True)
class Lesson:
    """What to learn: `room` tokens of text, those of the alphabet included."""

    blueprint: Blueprint
    material: Material
    options: TrainingOptions
    room: int

    @property
    def forbidden(self) -> frozenset[str]:
        """Texts that special tokens and bytes have already."""
        return frozenset((*self.blueprint.first, *self.blueprint.last))


@dataclass(frozen=True)
class Learned:
    """Pieces in the order of their ids; merges, or scores of the pieces, where the model needs them.

    `files` are further files by name that go beside `tokenizer.json` and must mean the same.
    """

    pieces: tuple[str, ...]
    merges: tuple[tuple[str, str], ...] = ()
    scores: tuple[float, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)


class Learner(Protocol):
    """Learns a vocabulary."""

    def learn(self, lesson: Lesson) -> Learned:
        """Return at most `lesson.room` pieces, the whole alphabet among them; the same for the same lesson."""
