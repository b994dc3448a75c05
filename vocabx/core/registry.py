"""One visible table per kind of thing: a name, where its class lives, and how it is configured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from inspect import Parameter, signature
from typing import Any, cast

from vocabx.core.errors import InputError, UnknownNameError
from vocabx.core.meanings import meanings_of

__all__ = ["Entry", "Factory", "Registry", "composed", "load_target", "make_parts", "parameters_of"]

Factory = Callable[..., Any]


@dataclass(frozen=True)
class Entry:
    """One row of a registry.

    `target` is ``"module:callable"``, a class or a function, imported only when asked for; `options` are its keywords.
    `needs` names what a method draws on besides the base and the new tokens.
    `convex` says that every row is a convex combination of source rows, for the input, head and bias alike.
    """

    target: str
    summary: str
    options: Mapping[str, Any] = field(default_factory=dict)
    paper: str = ""
    needs: tuple[str, ...] = ()
    convex: bool = False

    @property
    def settings(self) -> Mapping[str, Any]:
        """Every option that may be set, with this row's value, or the default."""
        return self._settings({})

    @property
    def meanings(self) -> Mapping[str, str]:
        """What each option means, as far as the docstrings of what has them say; see `meanings_of`."""
        return {name: meaning for part in self._factories({}) for name, meaning in meanings_of(part).items()}

    def load(self, **overrides: Any) -> Any:
        """Make the thing with this row's options, and `overrides` in their place.

        Raises
        ------
        UnknownNameError
            When it has no option of that name.
        InputError
            When an option gets a value of another type than its default.
        """
        _check_options(overrides, self._settings(overrides))
        return load_target(self.target)(**{**self.options, **overrides})

    def _settings(self, overrides: Mapping[str, Any]) -> Mapping[str, Any]:
        known = dict[str, Any]()
        for factory in self._factories(overrides):
            known |= parameters_of(factory)
        return known | {name: value for name, value in self.options.items() if name in known}

    def _factories(self, overrides: Mapping[str, Any]) -> list[Factory]:
        """Return what has the options: the target, and the parts that it is made of."""
        factory = load_target(self.target)
        parts = getattr(factory, "parts", lambda options: ())
        return [factory, *parts({**self.options, **overrides})]


def load_target(target: str) -> Callable[..., Any]:
    """Import ``"module:callable"``."""
    module, _, name = target.partition(":")
    return cast("Callable[..., Any]", getattr(import_module(module), name))


def parameters_of(factory: Callable[..., Any]) -> dict[str, Any]:
    """Return the keywords of a class or function with their defaults; `Parameter.empty` where one must be given."""
    known = signature(factory).parameters
    return {name: each.default for name, each in known.items() if each.kind is not Parameter.VAR_KEYWORD}


def composed(parts: Callable[[Mapping[str, Any]], Sequence[Factory]]) -> Callable[[Factory], Factory]:
    """Mark a factory that makes a thing of others: `parts` says of which, given the options, and theirs are its own."""

    def mark(factory: Factory) -> Factory:
        factory.parts = parts  # type: ignore[attr-defined]
        return factory

    return mark


def make_parts(factories: Sequence[Factory], options: Mapping[str, Any]) -> list[Any]:
    """Make several things of one set of options; each takes those that it knows."""
    return [
        factory(**{name: value for name, value in options.items() if name in parameters_of(factory)})
        for factory in factories
    ]


def _check_options(options: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for name, value in options.items():
        if name not in known:
            raise UnknownNameError("option", name, known)
        default = known[name]
        kinds = (int, float) if type(default) is float else (type(default),)
        if default is not Parameter.empty and default is not None and type(value) not in kinds:
            kind = {bool: "yes or no", int: "a whole number", float: "a number", str: "a name"}.get(type(default), "")
            raise InputError(f"The option {name} is {kind}, got {value!r}.")


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
