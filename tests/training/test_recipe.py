from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vocabx.core.errors import InputError
from vocabx.training.recipes.recipe import SCHEDULES, Adapters, Recipe, Stage
from vocabx.training.recipes.recipe_file import read_recipe
from vocabx.training.recipes.table import RECIPES, find_recipe

STAGE = Stage("rows", ("new-input-rows",), 1.0, 1e-3)
FILE = """
summary = "rows, then adapters"
sequence_length = 128

[[stages]]
name = "rows"
trains = ["new-input-rows", "new-head-rows"]
share = 0.25
learning_rate = 1e-3
schedule = "constant"

[[stages]]
name = "adapters"
trains = ["adapters", "last-layers-3"]
share = 0.75
learning_rate = 2e-4
adapters = { rank = 16, alpha = 32 }
"""


def write(folder: Path, content: str) -> Path:
    file = folder / "mine.toml"
    file.write_text(content)
    return file


def test_a_recipe_is_read_from_a_file(tmp_path: Path) -> None:
    file = write(tmp_path, FILE)
    assert find_recipe(file) == Recipe(
        "mine",
        "rows, then adapters",
        str(file),
        (
            Stage("rows", ("new-input-rows", "new-head-rows"), 0.25, 1e-3, "constant"),
            Stage("adapters", ("adapters", "last-layers-3"), 0.75, 2e-4, adapters=Adapters(16, 32)),
        ),
        sequence_length=128,
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("share = 0.25", "share = 0.5", "shares of recipe 'mine' must sum to 1, not to 1.25"),
        ("share = 0.25", "share = 0", "stage 1: share is 0; it must be more than 0 and at most 1"),
        ("share = 0.25", "share = nan", "stage 1: share is nan"),
        ("share = 0.25", "", "stage 1: share: this must be given"),
        ("share = 0.25", "share = '1'", "stage 1: share: expected a number"),
        ("learning_rate = 1e-3", "learning_rate = -1.0", "stage 1: learning_rate is -1.0"),
        ("learning_rate = 1e-3", "learning_rate = inf", "learning_rate is inf; it must be more than 0 and finite"),
        ("learning_rate = 1e-3", "learning_rate = 1e-3\nrate = 1", "There is no setting of a stage called 'rate'"),
        ("'constant'", "'polynomial'\nwarmup = 2", "stage 1: warmup is 2; it must be at least 0 and at most 1"),
        ("'constant'", "'cosin'", "There is no schedule called 'cosin'. Did you mean 'cosine'"),
        ('"new-head-rows"', '"new-rows"', "stage 1: There is no group of parameters called 'new-rows'"),
        ('["new-input-rows", "new-head-rows"]', "[]", "stage 1: trains is empty"),
        ('["new-input-rows", "new-head-rows"]', "'head'", "stage 1: trains: expected a list of strings"),
        ('"last-layers-3"', '"last-layers-0"', "stage 2: There is no group of parameters called 'last-layers-0'"),
        ('"last-layers-3"', '"last-layers-N"', "stage 2: There is no group of parameters called 'last-layers-N'"),
        ('["adapters", "last-layers-3"]', '["layers"]', "stage 2: Stage 'adapters' must have both or neither"),
        ("{ rank = 16, alpha = 32 }", "{ rank = 0 }", "stage 2: rank is 0; it must be at least 1"),
        ("{ rank = 16, alpha = 32 }", "{ r = 16 }", "stage 2: There is no setting of adapters called 'r'"),
        ("{ rank = 16, alpha = 32 }", "64", "stage 2: expected a table for adapters, got 64"),
        ("sequence_length = 128", "sequence_length = 1", "sequence_length is 1; it must be at least 2"),
        ("sequence_length = 128", "sequence_length = true", "sequence_length: expected a whole number"),
        ("sequence_length = 128", "length = 128", "There is no setting of a recipe called 'length'"),
        ("summary =", "summary", "cannot be read"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_name_and_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    content = FILE.replace(old, new) if old in FILE else FILE.replace(old.replace("'", '"'), new.replace("'", '"'))
    assert content != FILE
    file = write(tmp_path, content)
    with pytest.raises(InputError) as caught:
        read_recipe(file)
    assert str(file) in str(caught.value)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_schedule_begins_above_the_rate_that_it_falls_to() -> None:
    with pytest.raises(InputError, match="must be more than 1e-07"):
        Stage("low", ("head",), 1.0, 1e-7, "polynomial")
    assert Stage("low", ("head",), 1.0, 1e-7).learning_rate == 1e-7


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "stages: expected a list"),
        ("stages = 3", "stages: expected a list"),
        ("stages = [3]", "stage 1: expected a table for a stage"),
    ],
)
def test_a_file_without_stages_is_refused(tmp_path: Path, content: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_recipe(write(tmp_path, content))


def test_a_recipe_that_does_not_exist_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no recipe called 'redwale'\. Did you mean 'redwhale'"):
        find_recipe("redwale")
    with pytest.raises(InputError, match="There is no recipe file"):
        find_recipe(tmp_path / "none.toml")


def test_old_rows_are_kept_where_no_stage_trains_them() -> None:
    assert [name for name, recipe in RECIPES.items() if recipe.keeps_old_rows] == ["new-rows-only"]
    assert Recipe("own", "", "", (replace(STAGE, trains=("new-input-rows", "layers")),)).keeps_old_rows
    for group in ("input", "head", "outside-layers", "everything"):
        assert not Recipe("own", "", "", (replace(STAGE, trains=(group,)),)).keeps_old_rows


def test_recipes_that_train_new_rows_apart_say_so() -> None:
    assert [name for name, recipe in RECIPES.items() if recipe.needs_new_rows] == ["new-rows-only", "eeve"]


def test_a_recipe_is_named_as_its_table_does() -> None:
    assert all(find_recipe(name).name == name for name in RECIPES)
    assert all(recipe.summary and recipe.source for recipe in RECIPES.values())


def test_what_a_source_gives_is_what_the_recipe_has() -> None:
    (both_ends,) = RECIPES["2x2ls"].stages
    assert both_ends == Stage(
        both_ends.name, ("first-layers-2", "last-layers-2", "outside-layers"), 1.0, 1e-4, "cosine", 0.05, 0.01
    )
    assert (RECIPES["2x2ls"].sequence_length, RECIPES["2x2ls"].predicts_next_but_one) == (512, True)
    assert RECIPES["2x2ls"].ours == RECIPES["lora"].ours == ()
    assert RECIPES["lora"].stages[0].adapters == Adapters(8, 32, 0.05)
    last = RECIPES["redwhale"].stages[-1].adapters
    assert last is not None
    assert (last.rank, last.alpha) == (64, 16)


@pytest.mark.torch
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_needs_nothing_but_steps(schedule: str) -> None:
    import torch
    from transformers import get_scheduler

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    assert get_scheduler(schedule, optimizer, num_warmup_steps=1, num_training_steps=4)
