"""What a run was begun with is compared, and what differs is said as the user gave it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from tests.training.small import NEW_ROWS, TWO_STAGES
from vocabx.training.decisions import changes
from vocabx.training.recipes.recipe import Adapters, Recipe, Stage
from vocabx.training.settings import TrainingSettings

SUM = "a9f5" * 16


def decided(recipe: Recipe = TWO_STAGES, settings: dict[str, Any] | None = None, **other: Any) -> dict[str, Any]:
    content = {
        "format": 2,
        "recipe": asdict(recipe),
        "settings": TrainingSettings(**settings or {}).deciding(),
        "objective": "causal",
        "model": SUM,
        "corpus": [f"corpus.txt, {SUM}"],
        "replay": None,
        "unit": "line",
        "text_field": "text",
        "held_out": {"ko": SUM},
        "processes": 1,
    }
    found: dict[str, Any] = json.loads(json.dumps({**content, **other}))
    return found


def with_rate(rate: float) -> Recipe:
    return replace(TWO_STAGES, stages=(TWO_STAGES.stages[0], replace(TWO_STAGES.stages[1], learning_rate=rate)))


ADAPTERS = Recipe("rows", "", "", (Stage("all", ("adapters",), 1.0, 1e-2, adapters=Adapters(rank=2)),))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (decided(), []),
        (decided(NEW_ROWS), ["--recipe was rows and all and is rows"]),
        (decided(with_rate(0.5)), ["of the recipe rows and all, stage 2: learning_rate was 0.01 and is 0.5"]),
        (
            decided(replace(TWO_STAGES, stages=NEW_ROWS.stages)),
            ["of the recipe rows and all, the number of stages was 2 and is 1"],
        ),
        (
            decided(replace(TWO_STAGES, sequence_length=64)),
            ["of the recipe rows and all, sequence_length was not given and is 64"],
        ),
        (decided(settings={"seed": 3}), ["--seed was 0 and is 3"]),
        (decided(settings={"whole_words": True}), ["--whole-words was not given and is given"]),
        (decided(settings={"tokens": 64}), ["--tokens was not given and is 64"]),
        (decided(settings={"log_every": 3, "save_every": 4, "objective": "causal"}), []),
        (decided(objective="masked"), ["--objective was causal and is masked"]),
        (decided(text_field="body"), ["--text-field was text and is body"]),
        (decided(model="other"), ["the model is another"]),
        (decided(corpus=["corpus.txt, other"]), ["the text of --corpus has changed"]),
        (decided(replay=[f"english.txt, {SUM}"]), ["--replay was not given and is given"]),
        (decided(held_out={"ko": "other"}), ["the text of --held-out ko has changed"]),
        (decided(held_out={"ko": SUM, "en": SUM}), ["--held-out was ko and is ko, en"]),
        (decided(processes=2), ["the number of processes was 1 and is 2"]),
        (decided(format=1, model="other"), ["another version of vocabx began it"]),
    ],
)
def test_what_differs_is_named_by_its_option_and_nothing_else_is(other: dict[str, Any], said: list[str]) -> None:
    assert changes(decided(), other) == said


def test_adapters_that_differ_are_spelled() -> None:
    stage = replace(ADAPTERS.stages[0], adapters=Adapters(rank=4))
    (said,) = changes(decided(ADAPTERS), decided(replace(ADAPTERS, stages=(stage,))))
    assert said.endswith("stage 1: adapters was rank 2, alpha 16, dropout 0.05 and is rank 4, alpha 16, dropout 0.05")
