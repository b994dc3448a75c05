from __future__ import annotations

import inspect
import json
from typing import Any

import pytest

from tests.cli.conftest import Place, Run
from vocabx.advice import advise
from vocabx.cli import main


def command() -> Any:
    group: Any = main.commands["tokenizer"]
    return group.commands["advise"]


def arguments(place: Place, *more: object) -> list[object]:
    texts = ["--corpus", place.corpus, "--source-sample", place.sample]
    return ["tokenizer", "advise", place.base, *texts, "--largest", 100, *more]


def test_the_defaults_are_those_of_the_library_and_no_size_is_asked_for() -> None:
    given = command().make_context("advise", ["model", "--corpus", "a"]).params
    assert given["largest"] == inspect.signature(advise).parameters["largest"].default
    assert not {"size", "tokenizer_donor", "control_tokens"} & set(given)


def test_the_advice_is_printed_as_text_and_as_data(place: Place, run: Run) -> None:
    ran = run(*arguments(place))
    assert ran.status == 0, ran.err
    assert ran.out.startswith(("Add about", "No size"))
    assert "sizes on held-out" in ran.out
    data = json.loads(run(*arguments(place, "--text", f"en={place.sample}", "--text", place.corpus, "--json")).out)
    assert {"sizes on held-out", "sizes on en", "sizes on corpus", "cost"} <= set(data)
    assert data["cost"][-1]["new rows"] == 100 - 8  # the base has eight padding rows


def test_a_picture_is_drawn_and_not_replaced(place: Place, run: Run) -> None:
    pytest.importorskip("matplotlib")
    picture = place.root / "a.png"
    assert run(*arguments(place, "--picture", picture)).status == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    again = run(*arguments(place, "--picture", picture))
    assert (again.status, again.out) == (1, "")
    assert "a.png exists already" in again.err
    assert run(*arguments(place, "--picture", picture, "--force")).status == 0


def test_what_is_wrong_is_said_in_one_sentence(place: Place, run: Run) -> None:
    for more, said in (
        (["--largest", 0], "at least 1, got 0"),
        (["--text", "x=nowhere.txt"], "no corpus file nowhere"),
    ):
        ran = run(*arguments(place, *more))
        assert (ran.status, ran.out) == (1, "")
        assert said in ran.err
        assert ran.err.splitlines()[-1].startswith("Error: ")
