"""One visible table per kind of thing: a name, where its class lives, and how it is configured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from vocabx.core.errors import InputError, UnknownNameError

__all__ = ["Entry", "Registry"]


@dataclass(frozen=True)
class Entry:
    """One row of a registry.

    `target` is ``"module:Class"``, imported only when asked for; `options` are the constructor's keywords.
    `convex` says that every row is a convex combination of source rows, for the input, head and bias alike.
    """

    target: str
    summary: str
    options: Mapping[str, Any] = field(default_factory=dict)
    paper: str = ""
    needs: str = ""
    convex: bool = False

    def load(self) -> Any:
        """Import the class and make it with this row's options."""
        module, _, name = self.target.partition(":")
        return getattr(import_module(module), name)(**self.options)


@dataclass(frozen=True)
class Registry:
    """Names and their entries; other distributions add rows through the entry-point group `vocabx.<group>`.

    An entry point names an `Entry`. A name that two sources define is an error that names both.
    """

    kind: str
    group: str
    builtin: Mapping[str, Entry]

    @cached_property
    def entries(self) -> Mapping[str, Entry]:
        """Every row: the built-in ones in the table's order, then those of other distributions by name."""
        rows = dict(self.builtin)
        for point in sorted(entry_points(group=f"vocabx.{self.group}"), key=lambda point: point.name):
            if point.name in rows:
                raise InputError(
                    f"The {self.kind} {point.name!r} is defined twice: by {rows[point.name].target} and by "
                    f"{point.value}. Uninstall one of the two packages."
                )
            rows[point.name] = self._load(point)
        return rows

    def _load(self, point: EntryPoint) -> Entry:
        try:
            entry = point.load()
        except (ImportError, AttributeError) as error:
            raise InputError(f"The {self.kind} {point.name!r} ({point.value}) cannot be loaded: {error}") from error
        if not isinstance(entry, Entry):
            raise InputError(f"The {self.kind} {point.name!r} ({point.value}) cannot be loaded: it is not an Entry.")
        return entry

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __getitem__(self, name: str) -> Entry:
        if name not in self.entries:
            raise UnknownNameError(self.kind, name, self.entries)
        return self.entries[name]
