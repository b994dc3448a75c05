"""A recipe of one's own, read from a TOML file and checked field by field."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

from vocabx.core.errors import InputError, UnknownNameError
from vocabx.training.recipes.recipe import Adapters, Recipe, Stage

__all__ = ["read_recipe"]

Made = TypeVar("Made", bound=Adapters | Stage | Recipe)
CALLED: Mapping[type, str] = {Adapters: "adapters", Stage: "a stage", Recipe: "a recipe"}


def read_recipe(file: Path) -> Recipe:
    """Read a recipe from a TOML file whose names are those of `Recipe`, `Stage` and `Adapters`.

    ::

        name = "rows, then all"

        [[stages]]
        name = "rows"
        trains = ["new-input-rows", "new-head-rows"]
        share = 0.2
        learning_rate = 1e-3

        [[stages]]
        name = "adapters"
        trains = ["adapters"]
        share = 0.8
        learning_rate = 2e-4
        adapters = { rank = 16, alpha = 32 }

    The name is by default that of the file.

    Raises
    ------
    InputError
        When the file cannot be read, or a field is unknown, lacking, or not what it must be.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"The recipe {file} cannot be read: {str(error).rstrip('.')}.") from error
    try:
        content = {"name": file.stem, "summary": "", "source": str(file), **content}
        stages = content.get("stages")
        if not isinstance(stages, list):
            raise InputError("stages: expected a list, each item under [[stages]].")
        content["stages"] = tuple(_read_stage(number, stage) for number, stage in enumerate(stages, start=1))
        return _made(Recipe, content)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error


def _read_stage(number: int, content: Any) -> Stage:
    try:
        if isinstance(content, Mapping) and "adapters" in content:
            content = {**content, "adapters": _made(Adapters, content["adapters"])}
        return _made(Stage, content)
    except InputError as error:
        raise InputError(f"stage {number}: {error}") from error


def _made(kind: type[Made], content: Any) -> Made:
    """Make a value of a table of a file, whose names must be its fields."""
    if not isinstance(content, Mapping):
        raise InputError(f"expected a table for {CALLED[kind]}, got {content!r:.80}.")
    known = {field.name for field in fields(kind)}
    lacking = [each.name for each in fields(kind) if each.default is MISSING and each.name not in content]
    for name in content:
        if name not in known:
            raise UnknownNameError(f"setting of {CALLED[kind]}", name, known)
    if lacking:
        raise InputError(f"{', '.join(lacking)}: this must be given.")
    values: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in content.items()}
    return kind(**values)
