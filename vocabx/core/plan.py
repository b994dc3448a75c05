"""Plan: what happens to each id and each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from vocabx.core.arrays import Ints, check_shape
from vocabx.core.errors import InputError

__all__ = ["NEW", "Plan", "Run"]

NEW = -1
"""The origin of an id whose row is made."""


@dataclass(frozen=True, slots=True)
class Run:
    """Ids `first` .. `first + size - 1` keep the rows of the base's ids `origin` .. `origin + size - 1`."""

    first: int
    origin: int
    size: int


@dataclass(frozen=True, eq=False)
class Plan:
    """The resize of one model, as ids.

    Attributes
    ----------
    origins : ndarray of int64, shape (T,)
        For each id of the resulting tokenizer the base id whose row it keeps bit for bit, or `NEW` where a row is
        made. Read-only.
    tokens_before : int
        Ids of the base's tokenizer, S.
    rows_before, rows_after : int
        Rows of the matrices, padding included; no rows before where there is only a tokenizer.
    roles : mapping of str to int
        Special tokens of the result by role.

    Notes
    -----
    Row i of an `Initialization` belongs to the id ``new_ids[i]``. Several ids may keep one row. Plans are equal when
    all of this is.
    """

    origins: Ints
    tokens_before: int
    rows_before: int
    rows_after: int
    roles: Mapping[str, int]

    def __post_init__(self) -> None:
        origins = np.array(self.origins, dtype=np.int64)
        check_shape("origins", origins, None)
        origins.setflags(write=False)
        object.__setattr__(self, "origins", origins)
        object.__setattr__(self, "roles", dict(self.roles))
        self._check()

    def _check(self) -> None:
        wrong = np.flatnonzero((self.origins < NEW) | (self.origins >= self.tokens_before))
        if len(wrong):
            raise InputError(
                f"The plan takes the row of id {wrong[0]} from id {self.origins[wrong[0]]} of the base, which has "
                f"{self.tokens_before} tokens."
            )
        if self.rows_before and self.rows_before < self.tokens_before:
            raise InputError(f"The plan has {self.rows_before} rows for {self.tokens_before} tokens of the base.")
        if self.rows_after < self.tokens:
            raise InputError(f"The plan has {self.rows_after} rows for {self.tokens} tokens.")
        for role, token in self.roles.items():
            if not 0 <= token < self.tokens:
                raise InputError(f"The plan gives the role {role} to id {token}, and there are {self.tokens} tokens.")

    @classmethod
    def appending(cls, kept: int, new: int, rows_before: int, rows_after: int, roles: Mapping[str, int]) -> Plan:
        """Plan an extension that keeps all ids of the base and appends new ones.

        >>> Plan.appending(3, 2, 4, 8, {}).origins.tolist()
        [0, 1, 2, -1, -1]
        """
        origins = np.concatenate([np.arange(kept), np.full(new, NEW)])
        return cls(origins, kept, rows_before, rows_after, roles)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Plan):
            return NotImplemented
        return np.array_equal(self.origins, other.origins) and self._numbers == other._numbers

    __hash__ = None  # type: ignore[assignment]  # it holds an array

    @property
    def _numbers(self) -> tuple[object, ...]:
        return self.tokens_before, self.rows_before, self.rows_after, self.roles

    @property
    def tokens(self) -> int:
        """Ids of the resulting tokenizer, T."""
        return len(self.origins)

    @cached_property
    def new_ids(self) -> Ints:
        """Ids whose row is made, ascending, shape (N,)."""
        return np.flatnonzero(self.origins == NEW)

    @cached_property
    def kept_ids(self) -> Ints:
        """Ids that keep a row of the base, ascending."""
        return np.flatnonzero(self.origins != NEW)

    @property
    def new(self) -> int:
        """How many rows are made, N."""
        return len(self.new_ids)

    @property
    def kept(self) -> int:
        """How many ids keep a row."""
        return len(self.kept_ids)

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """Kept ids in the longest stretches that lie in the base as they lie here.

        >>> Plan([0, 1, 5, 6, NEW], 7, 7, 5, {}).runs
        (Run(first=0, origin=0, size=2), Run(first=2, origin=5, size=2))
        """
        ids, origins = self.kept_ids, self.origins[self.kept_ids]
        if not len(ids):
            return ()
        breaks = np.flatnonzero((np.diff(ids) != 1) | (np.diff(origins) != 1)) + 1
        starts, ends = np.concatenate([[0], breaks]), np.concatenate([breaks, [len(ids)]])
        rows = zip(ids[starts].tolist(), origins[starts].tolist(), (ends - starts).tolist(), strict=True)
        return tuple(Run(*row) for row in rows)

    @cached_property
    def images(self) -> Ints:
        """For each id of the base the lowest id that keeps its row, or `NEW` where none does, shape (S,)."""
        images = np.full(self.tokens_before, NEW)
        images[self.origins[self.kept_ids[::-1]]] = self.kept_ids[::-1]
        return images

    @cached_property
    def dropped(self) -> Ints:
        """Ids of the base whose row nobody keeps, ascending."""
        return np.flatnonzero(self.images == NEW)

    @cached_property
    def keeps_ids(self) -> bool:
        """Whether every kept id is its own origin and the base's ids all exist, as in an extension."""
        return self.tokens >= self.tokens_before and bool((self.origins[self.kept_ids] == self.kept_ids).all())

    @property
    def padding(self) -> range:
        """Rows that belong to no token."""
        return range(self.tokens, self.rows_after)

    @property
    def reused_padding(self) -> int:
        """Padding rows of the base that tokens take over."""
        return max(0, min(self.rows_before, self.tokens) - self.tokens_before)

    def to_json(self) -> dict[str, Any]:
        """Return plain data for `vocabx.json`: the runs, not the array."""
        return {
            "tokens_before": self.tokens_before,
            "tokens": self.tokens,
            "new": self.new,
            "rows_before": self.rows_before,
            "rows_after": self.rows_after,
            "padding": len(self.padding),
            "roles": self.roles,
            "runs": [[run.first, run.origin, run.size] for run in self.runs],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        """Read what `to_json` gave; raise `InputError` where its numbers contradict each other."""
        plan = cls(
            _origins(data["tokens"], data["runs"]),
            data["tokens_before"],
            data["rows_before"],
            data["rows_after"],
            data["roles"],
        )
        if plan.new != data["new"]:
            raise InputError(f"The plan says {data['new']} new tokens, and its runs leave {plan.new}.")
        return plan


def _origins(tokens: int, runs: Sequence[Sequence[int]]) -> Ints:
    origins = np.full(tokens, NEW)
    for first, origin, size in runs:
        if first < 0 or origin < 0 or size < 1 or first + size > tokens:
            raise InputError(f"The plan has a run of {size} ids from {first}, and there are {tokens} tokens.")
        origins[first : first + size] = np.arange(origin, origin + size)
    return origins
