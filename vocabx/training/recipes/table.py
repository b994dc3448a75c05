"""The table of recipes: each is a paper's stages, or ours, as data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from vocabx.core.errors import InputError, UnknownNameError
from vocabx.training.recipes.recipe import Adapters, Recipe, Stage
from vocabx.training.recipes.recipe_file import read_recipe

__all__ = ["RECIPES", "find_recipe"]

OPTIMIZER = ("learning_rate", "schedule", "warmup", "weight_decay")
ENDS = ("first-layers-2", "last-layers-2", "outside-layers")


def _redwhale() -> Recipe:
    return Recipe(
        "redwhale",
        "embedding and head, then odd layers, then even layers, then adapters",
        "RedWhale, Vo et al. 2024; 2408.11294. Rank and alpha are those of its instruction-tuned model's card.",
        (
            Stage("embedding and head", ("input", "head"), 0.25, 1e-4),
            Stage("odd layers", ("odd-layers",), 0.25, 1e-4),
            Stage("even layers", ("even-layers",), 0.25, 1e-4),
            Stage("adapters", ("adapters",), 0.25, 2e-4, adapters=Adapters(rank=64, alpha=16)),
        ),
        ours=("share", *OPTIMIZER, "adapters.dropout", "sequence_length"),
    )


def _eeve() -> Recipe:
    rate, share = 1e-4, 1 / 7
    adapters = Adapters(rank=64, alpha=16)
    return Recipe(
        "eeve",
        "seven stages: new input rows, new head rows, both, all head rows, new input rows too, all layers, the body",
        "EEVE, Kim et al. 2024; 2402.14714. Its adapters are on a quantised model; these are not.",
        (
            Stage("new input rows", ("new-input-rows",), share, rate),
            Stage("new head rows", ("new-head-rows",), share, rate),
            Stage("new rows", ("new-input-rows", "new-head-rows"), share, rate),
            Stage("head", ("head",), share, rate),
            Stage("new input rows and head", ("new-input-rows", "head"), share, rate),
            Stage("all layers", ("new-input-rows", "head", "adapters"), share, rate, adapters=adapters),
            Stage("body", ("adapters",), share, rate, adapters=adapters),
        ),
        ours=("share", *OPTIMIZER, "adapters", "sequence_length", "rows beside the adapters of 'all layers'"),
    )


def _both_ends() -> Recipe:
    return Recipe(
        "2x2ls",
        "two layers at each end and all that is in no layer, with a second head for the token after the next",
        "Yamaguchi et al. 2025; 2406.11477",
        (Stage("both ends", ENDS, 1.0, 1e-4, "cosine", 0.05, 0.01),),
        sequence_length=512,
        predicts_next_but_one=True,
    )


def _lora() -> Recipe:
    return Recipe(
        "lora",
        "adapters on all linear layers, with embedding and head",
        "Yamaguchi et al. 2024; 2402.10712. Its body is stored in 8 bits; this one is not.",
        (
            Stage(
                "adapters, embedding and head",
                ("adapters", "input", "head"),
                1.0,
                1e-4,
                "cosine",
                0.05,
                0.01,
                Adapters(rank=8, alpha=32, dropout=0.05),
            ),
        ),
        sequence_length=2048,
    )


TABLE = (
    Recipe(
        "new-rows-only",
        "the rows of new tokens and nothing else; old rows stay the same to the bit",
        "vocabx",
        (Stage("new rows", ("new-input-rows", "new-head-rows"), 1.0, 1e-3),),
        ours=("stages", "sequence_length"),
    ),
    Recipe(
        "embeddings-only",
        "embedding and head, all rows",
        "the first stage of RedWhale by itself",
        (Stage("embedding and head", ("input", "head"), 1.0, 1e-4),),
        ours=(*OPTIMIZER, "sequence_length"),
    ),
    Recipe(
        "frozen-body",
        "embedding and head first, then everything",
        "what WECHSEL is compared with, Minixhofer et al. 2022; 2112.06598",
        (
            Stage("embedding and head", ("input", "head"), 0.1, 1e-4),
            Stage("everything", ("everything",), 0.9, 1e-4),
        ),
        ours=("share", *OPTIMIZER, "sequence_length"),
    ),
    _redwhale(),
    _eeve(),
    _both_ends(),
    _lora(),
    Recipe(
        "full",
        "everything",
        "as in WECHSEL and OFA; the learning rate is OFA's, Liu et al. 2024; 2311.08849",
        (Stage("everything", ("everything",), 1.0, 5e-5),),
        ours=("schedule", "warmup", "weight_decay", "sequence_length"),
    ),
)

RECIPES: Mapping[str, Recipe] = MappingProxyType({recipe.name: recipe for recipe in TABLE})
"""All that ship, by name. What their sources do not give is named by `Recipe.ours`."""


def find_recipe(name_or_file: str | Path) -> Recipe:
    """Return a recipe by its name, or read it from a file, whose name ends in ``.toml``.

    Raises
    ------
    InputError
        When there is no such recipe, or its file is not what it must be.
    """
    name = str(name_or_file)
    if name in RECIPES:
        return RECIPES[name]
    if not name.endswith(".toml"):
        raise UnknownNameError("recipe", name, RECIPES)
    file = Path(name_or_file)
    if not file.is_file():
        raise InputError(f"There is no recipe file {file}.")
    return read_recipe(file)
