"""`vocabx pretrain` on the command line."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.test_bad_input import assert_one_sentence
from tests.training.small import STEP, save_extended
from vocabx.cli import main
from vocabx.training.pretrain import DEFAULT_RECIPE
from vocabx.training.recipes.table import RECIPES
from vocabx.training.settings import TrainingSettings

SHORT = ["--length", "16", "--batch-size", "2", "--tokens", str(4 * STEP), "--log-every", "1"]


def parsed(*more: str) -> dict[str, Any]:
    arguments = ["ko", "--corpus", "corpus", "--out", "out", *more]
    return dict(main.commands["pretrain"].make_context("vocabx", arguments).params)


def test_the_defaults_are_those_of_the_library_and_every_setting_is_an_option() -> None:
    given, names = parsed(), {field.name for field in fields(TrainingSettings)}
    assert given.keys() >= names
    assert TrainingSettings(**{name: given[name] for name in names}) == TrainingSettings()
    assert given["recipe"] == DEFAULT_RECIPE


def test_the_help_names_every_recipe() -> None:
    option = next(parameter for parameter in main.commands["pretrain"].params if parameter.name == "recipe")
    assert ", ".join(RECIPES) in str(getattr(option, "help", None))


def test_the_help_says_that_a_cache_is_of_one_corpus() -> None:
    option = next(parameter for parameter in main.commands["pretrain"].params if parameter.name == "cache")
    assert "one corpus" in str(getattr(option, "help", None))


@pytest.mark.torch
def test_it_trains_a_model_prints_the_result_on_stdout_and_refuses_what_is_there(tmp_path: Path, run: Run) -> None:
    model, corpus, out = save_extended(tmp_path), tmp_path / "corpus.txt", tmp_path / "out"
    arguments = ["pretrain", model, "--recipe", "new-rows-only", "--corpus", corpus, "--out", out, *SHORT]
    ran = run(*arguments, "--held-out", f"en={tmp_path / 'sample.txt'}", "--held-out-limit", 2, "--json")
    assert ran.status == 0, ran.err
    facts = json.loads(ran.out)
    assert facts["tokens"] == 4 * STEP
    assert facts["output"] == str(out)
    assert re.search(r"step 3 of 4, loss [\d.]+, en [\d.]+ bits per byte, [\d,]+ tokens/s, 1 minute left\n", ran.err)
    assert re.search(r"step 4 of 4, loss [\d.]+, en [\d.]+ bits per byte, [\d,]+ tokens/s\n", ran.err)
    assert_one_sentence(run(*arguments), "exists already")
    assert run("verify", out, "--base", tmp_path / "base").status == 0


@pytest.mark.torch
def test_what_is_wrong_is_one_sentence(tmp_path: Path, run: Run) -> None:
    model = save_extended(tmp_path)
    arguments = ["pretrain", model, "--corpus", tmp_path / "corpus.txt", "--out", tmp_path / "out"]
    assert_one_sentence(run(*arguments, *SHORT), "has 1 layer")
    assert_one_sentence(run(*arguments, "--tokens", "10", "--epochs", "2"), "given twice")
    assert_one_sentence(run(*arguments, "--recipe", "new-row-only"), "Did you mean 'new-rows-only'")
