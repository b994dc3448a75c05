from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Place, Run
from vocabx.cli import main
from vocabx.manifest import Manifest


def arguments(command: str, place: Place, *more: object) -> list[object]:
    if command == "extend":
        return [*place.extend(*more)]
    if command == "replace":
        return ["replace", place.base, "--tokenizer", place.base, "--out", place.out, *more]
    return ["trim", place.base, "--corpus", place.sample, "--out", place.out, *more]


commands = pytest.mark.parametrize("command", ["extend", "replace", "trim"])


@commands
def test_help_names_both_and_says_what_a_shared_file_means(command: str, run: Run) -> None:
    said = " ".join(run(command, "--help").out.split())
    assert "--shards [copy|hardlink|reflink]" in said
    assert "hardlink: base and output share them; training that writes new files does not touch them" in said
    assert "--dtype [float32|float16|bfloat16]" in said


@commands
def test_a_cast_is_said_and_recorded(command: str, place: Place, run: Run) -> None:
    ran = run(*arguments(command, place, "--dtype", "bfloat16", "--json"))
    assert ran.status == 0, ran.err
    assert json.loads(ran.out)["cast to"] == "bfloat16"
    assert Manifest.load(place.out).dtype == "bfloat16"


@commands
def test_links_are_said(command: str, place: Place, run: Run) -> None:
    ran = run(*arguments(command, place, "--shards", "hardlink", "--json"))
    assert ran.status == 0, ran.err
    said = json.loads(ran.out)["files that stay"]
    assert said == "none of 1: every weight file holds rows of tokens, and is written"


@commands
def test_a_cast_with_links_is_refused_in_one_sentence(command: str, place: Place, run: Run) -> None:
    for more in ([], ["--dry-run"]):
        ran = run(*arguments(command, place, "--shards", "hardlink", "--dtype", "float16", *more))
        assert ran.status == 1
        assert "Error: A cast to float16 changes every weight file, so that there is none to hardlink." in ran.err
        assert not Path(place.out).exists()


def test_the_choices_are_those_of_the_library() -> None:
    from vocabx.checkpoint.writing.storage import DTYPES, SHARDS

    for name in ("extend", "replace", "trim"):
        options = {option.name: option for option in main.commands[name].params}
        assert list(options["shards"].to_info_dict()["type"]["choices"]) == list(SHARDS)
        assert list(options["dtype"].to_info_dict()["type"]["choices"]) == list(DTYPES)
