"""What the README of the recipes says is what the code has."""

from __future__ import annotations

import re
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import pytest

from tests.source_tree import ROOT
from vocabx.core.errors import InputError
from vocabx.training.recipes.groups import GROUPS
from vocabx.training.recipes.recipe import SCHEDULES, Adapters, Recipe, Stage
from vocabx.training.recipes.recipe_file import read_recipe
from vocabx.training.recipes.table import RECIPES

README = (ROOT / "vocabx" / "training" / "recipes" / "README.md").read_text(encoding="utf-8")
LACKING = ("must be given", "empty", "none")


def rows(head: str) -> list[list[str]]:
    lines = README.partition(f"| {head} |")[2].partition("\n\n")[0].strip().splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def example() -> str:
    return README.partition("```toml\n")[2].partition("```")[0]


def default(field: Field[Any]) -> str:
    if field.default is MISSING:
        return LACKING[0]
    if field.default is None or field.default == ():
        return LACKING[2] if field.default is None else LACKING[1]
    return f"`{str(field.default).lower()}`" if not isinstance(field.default, str) else f'`"{field.default}"`'


def test_the_table_of_groups_is_that_of_the_code() -> None:
    assert rows("group | what it is") == [[f"`{name}`", what] for name, what in GROUPS.items()]


def test_the_table_of_fields_is_that_of_the_code() -> None:
    kinds = (("recipe", Recipe), ("stages", Stage), ("adapters", Adapters))
    wanted = [[of, f"`{field.name}`", default(field)] for of, kind in kinds for field in fields(kind)]
    # These three a recipe has from its file.
    own = {"`name`": "the file's", "`summary`": "empty", "`source`": "the file's path"}
    wanted = [[of, name, own.get(name, value) if of == "recipe" else value] for of, name, value in wanted]
    assert [row[:3] for row in rows("of | field | default | what it is")] == wanted
    schedules = next(row[3] for row in rows("of | field | default | what it is") if row[1] == "`schedule`")
    assert tuple(re.findall("`([a-z_]+)`", schedules)) == SCHEDULES


def test_the_table_of_recipes_is_that_of_the_code() -> None:
    assert rows("recipe | stage | trains | share | learning rate") == [
        [
            f"`{name}`",
            stage.name,
            ", ".join(f"`{group}`" for group in stage.trains),
            f"{stage.share:.3g}",
            f"{stage.learning_rate:g}",
        ]
        for name, recipe in RECIPES.items()
        for stage in recipe.stages
    ]


def test_the_example_is_a_recipe(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(example())
    recipe = read_recipe(file)
    assert (recipe.name, recipe.summary, recipe.source) == ("mine", "", str(file))
    assert [stage.share for stage in recipe.stages] == [0.2, 0.8]
    assert recipe.stages[1].adapters == Adapters(rank=16, alpha=32)


@pytest.mark.parametrize("name", [field.name for field in fields(Stage) if field.default is MISSING])
def test_a_field_that_must_be_given_is_asked_for(name: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(re.sub(rf"^{name} = .*\n", "", example(), flags=re.MULTILINE))
    with pytest.raises(InputError, match=f"{name}: this must be given"):
        read_recipe(file)
