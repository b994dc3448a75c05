"""Settings of a wrong type: found by how they are annotated, and said in one sentence."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from vocabx.core.errors import InputError

__all__ = ["as_path", "check_types"]


def _is_path(value: object) -> bool:
    return isinstance(value, str | os.PathLike)


def _is_list(value: object, fits: Callable[[object], bool]) -> bool:
    is_list = isinstance(value, Collection) and not isinstance(value, str | bytes | Mapping)
    return is_list and all(map(fits, value))  # type: ignore[call-overload]  # it is a collection by now


def _is_string(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


KINDS: Mapping[str, tuple[str, Callable[[object], bool]]] = MappingProxyType(
    {
        "bool": ("True or False", lambda value: isinstance(value, bool)),
        "int": ("a whole number", lambda value: _is_number(value) and isinstance(value, int)),
        "float": ("a number", _is_number),
        "str": ("a string", _is_string),
        "str | Path": ("a path", _is_path),
        "Texts": ("a path or a list of paths", lambda value: _is_path(value) or _is_list(value, _is_path)),
        "tuple[str, ...]": ("a list of strings", lambda value: _is_list(value, _is_string)),
        "tuple[str | Path, str | Path]": (
            "two paths",
            lambda value: isinstance(value, tuple | list) and len(value) == 2 and all(map(_is_path, value)),
        ),
        "Mapping[str, Any]": ("names with their values", lambda value: isinstance(value, Mapping)),
        "Mapping[str, str]": ("names with their values", lambda value: isinstance(value, Mapping)),
    }
)
"""For each annotation what is expected, in words, and whether a value is that; others are not looked at."""


def check_types(settings: Any) -> None:
    """Raise `InputError` where a field of a dataclass is not of the type that it is annotated with."""
    for field in fields(settings):
        annotation, value = str(field.type), getattr(settings, field.name)
        may_be_none = annotation.endswith(" | None")
        wanted = KINDS.get(annotation.removesuffix(" | None"))
        if wanted is None or (value is None and may_be_none):
            continue
        words, fits = wanted
        if not fits(value):
            raise InputError(f"{field.name}: expected {words}{' or None' * may_be_none}, got {value!r:.80}.")


def as_path(name: str, value: object) -> Path:
    """Return a path that is given by an argument of that name; raise `InputError` where it is none.

    >>> as_path("out", None)
    Traceback (most recent call last):
        ...
    vocabx.core.errors.InputError: out: expected a path, got None.
    """
    if not isinstance(value, str | os.PathLike):
        raise InputError(f"{name}: expected a path, got {value!r:.80}.")
    return Path(value)
