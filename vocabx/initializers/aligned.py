"""Rows from aligners: weights over source rows, the same for every matrix or one set for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vocabx.aligners.by_space import BySpace
from vocabx.aligners.constituents import Constituents
from vocabx.aligners.fallback import Otherwise
from vocabx.aligners.solvers.table import SOLVERS
from vocabx.aligners.spaces.table import SPACES
from vocabx.core.alignment import Aligner
from vocabx.core.errors import InputError, UnknownNameError
from vocabx.core.initialization import Initialization
from vocabx.core.registry import Factory, composed, load_target, make_parts
from vocabx.core.transfer import Transfer

__all__ = ["Aligned", "ConstituentRows", "by_counts", "by_space"]


@dataclass(frozen=True)
class Aligned:
    """Any aligner as an initializer; `head` serves the output head and its bias, `input` all of them without it.

    `scale` multiplies input and head rows, but neither copies nor the bias: a mean of rows that point in different
    directions is shorter than they are, so its logits are smaller. With another scale than 1 no row is convex.
    """

    input: Aligner
    head: Aligner | None = None
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not self.scale > 0:
            raise InputError(f"The option scale must be positive, not {self.scale}.")

    def initialize(self, transfer: Transfer) -> Initialization:
        """Return the alignment; the seed has an effect where the aligner draws, or learns from text."""
        rows = self.input.align(transfer)
        head = rows if self.head is None else self.head.align(transfer)
        if self.scale == 1:
            return Initialization(rows, head, head)
        longer = rows.scaled(self.scale)
        return Initialization(longer, longer if head is rows else head.scaled(self.scale), head)


@dataclass(frozen=True)
class ConstituentRows:
    """Constituents with a weighting for the input and, where it differs, one for the head.

    Attributes
    ----------
    input : str
        Weighting of the pieces: ``uniform``, ``length`` (by bytes), ``late``, ``early`` or ``first``. See
        `Constituents`.
    head : str, optional
        The same for an output head of its own; where none is given, as in the input.
    scale : float
        Factor of all rows but copies, and not of the bias; above 0. With another than 1 no row is convex.
    """

    input: str = "uniform"
    head: str | None = None
    scale: float = 1.0

    def initialize(self, transfer: Transfer) -> Initialization:
        """Return the alignment; nothing is drawn, so the seed has no effect."""
        head = None if self.head is None else Constituents(self.head)
        return Aligned(Constituents(self.input), head, self.scale).initialize(transfer)


def _counting(options: Mapping[str, Any]) -> list[Factory]:
    return [load_target(options["aligner"])]


@composed(_counting)
def by_counts(aligner: str, constituents: float = 0.0, scale: float = 1.0, **options: Any) -> Aligned:
    """Return the aligner ``"module:Class"`` as a method, with constituents where it saw nothing.

    Parameters
    ----------
    aligner : str
        Where it lives.
    constituents : float
        Share that a token's constituents have in its row, from 0 to 1. A row without weights is theirs alone.
    scale : float
        Factor of all rows but copies, and not of the bias; above 0.
    **options
        Those of the aligner.
    """
    [counts] = make_parts(_counting({"aligner": aligner}), options)
    return Aligned(Otherwise(counts, Constituents(), constituents), scale=scale)


def _space_and_solver(options: Mapping[str, Any]) -> list[Factory]:
    for kind, known in (("space", SPACES), ("solver", SOLVERS)):
        if options[kind] not in known:
            raise UnknownNameError(kind, options[kind], known)
    return [load_target(SPACES[options["space"]]), SOLVERS[options["solver"]]]


@composed(_space_and_solver)
def by_space(
    space: str, solver: str, centre: bool = False, constituents: float = 0.0, scale: float = 1.0, **options: Any
) -> Aligned:
    """Return a solver in a space, by their names, with constituents for tokens that the space does not know.

    Parameters
    ----------
    space : str
        ``token-level``, ``aligned-words``, ``multilingual-words``, ``cooccurrence``, ``donor`` or ``encoder``. Where
        the vectors of tokens come from.
    solver : str
        How vectors make weights: ``softmax``, ``sparsemax``, ``cosine``, ``omp`` or ``barycentric``.
    centre : bool
        Take the mean of all vectors away first, which tells alike ones apart.
    constituents : float
        Share that a token's constituents have in its row, from 0 to 1. A row without weights is theirs alone.
    scale : float
        Factor of all rows but copies, and not of the bias; above 0.
    **options
        Those of the space and of the solver.
    """
    made_space, made_solver = make_parts(_space_and_solver({"space": space, "solver": solver}), options)
    return Aligned(Otherwise(BySpace(made_space, made_solver, centre), Constituents(), constituents), scale=scale)
