"""`vocabx replace` and `vocabx trim`: parse, call, print."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.checkpoint.models import checksums
from tests.cli.conftest import Place, Run
from tests.extension.bases import save_tokenizer
from tests.tokenizer_tools.toys import metaspace
from vocabx.cli import main
from vocabx.initializers.table import DEFAULT_METHOD
from vocabx.manifest import Manifest
from vocabx.replacement import ReplaceRequest
from vocabx.trimming import TrimRequest


@pytest.fixture
def target(place: Place) -> Path:
    save_tokenizer(place.root / "target", metaspace())
    return place.root / "target"


def arguments(command: str, place: Place, *more: object) -> list[object]:
    source = ["--tokenizer", place.root / "target"] if command == "replace" else ["--corpus", place.sample]
    return [command, place.base, *source, *more]


COMMANDS = pytest.mark.parametrize("command", ["replace", "trim"])


@COMMANDS
def test_the_model_is_written_and_the_result_printed(command: str, place: Place, target: Path, run: Run) -> None:
    before = checksums(place.base)
    ran = run(*arguments(command, place, "--out", place.out))
    assert (ran.status, checksums(place.base)) == (0, before)
    manifest = Manifest.load(place.out)
    assert manifest.command == command
    assert f"Written to {place.out}. Prove it with: vocabx verify {place.out} --base {place.base}" in ran.out
    assert "checkpoint" in ran.err.splitlines()
    verified = run("verify", place.out, "--base", place.base, "--corpus", place.sample)
    assert verified.status == 0, verified.out


@COMMANDS
def test_a_dry_run_writes_nothing(command: str, place: Place, target: Path, run: Run) -> None:
    before = checksums(place.root)
    ran = run(*arguments(command, place, "--dry-run", "--json"))
    assert ran.status == 0
    assert json.loads(ran.out)["headline"] == "A dry run: nothing was written."
    assert checksums(place.root) == before


@COMMANDS
def test_a_place_to_write_is_needed(command: str, place: Place, target: Path, run: Run) -> None:
    ran = run(*arguments(command, place))
    assert ran.status == 2
    assert "Name the directory to write with --out, or use --dry-run." in ran.err


@COMMANDS
def test_an_earlier_output_is_replaced_by_force_only(command: str, place: Place, target: Path, run: Run) -> None:
    assert run(*arguments(command, place, "--out", place.out)).status == 0
    ran = run(*arguments(command, place, "--out", place.out))
    assert (ran.status, "exists already" in ran.err) == (1, True)
    assert run(*arguments(command, place, "--out", place.out, "--force", "--pad-to-multiple", 64)).status == 0
    assert Manifest.load(place.out).plan.rows_after % 64 == 0


@COMMANDS
def test_force_takes_nothing_away_but_an_earlier_output(command: str, place: Place, target: Path, run: Run) -> None:
    place.out.mkdir()
    (place.out / "thesis.txt").write_text("all of it")
    ran = run(*arguments(command, place, "--out", place.out, "--force"))
    assert (ran.status, "was not written by vocabx" in ran.err) == (1, True)
    assert (place.out / "thesis.txt").read_text() == "all of it"


def test_replace_passes_its_options_on(place: Place, target: Path, run: Run) -> None:
    assert run(*arguments("replace", place, "--out", place.out, "--method", "univariate", "--seed", 7)).status == 0
    manifest = Manifest.load(place.out)
    assert (manifest.method, manifest.seed, manifest.tokenizer["target"]) == ("univariate", 7, "target")


def test_trim_passes_its_options_on(place: Place, run: Run) -> None:
    (place.root / "more.jsonl").write_text('{"body": "the cat"}\n')
    more = ["--corpus", place.root / "more.jsonl", "--text-field", "body", "--minimum-frequency", 3]
    assert run(*arguments("trim", place, *more, "--out", place.out)).status == 0
    manifest = Manifest.load(place.out)
    assert manifest.corpus["files"] == ["sample.txt", "more.jsonl"]
    assert manifest.tokenizer["options"]["minimum_frequency"] == 3


def test_the_defaults_are_those_of_the_library() -> None:
    replace = main.commands["replace"].make_context("vocabx", ["m", "--tokenizer", "t"]).params
    assert ReplaceRequest(
        "t", **{name: replace[name] for name in ("method", "seed", "pad_to_multiple")}
    ) == ReplaceRequest("t")
    assert replace["method"] == DEFAULT_METHOD
    trim = main.commands["trim"].make_context("vocabx", ["m", "--corpus", "c"]).params
    names = ("minimum_frequency", "pad_to_multiple", "text_field")
    assert TrimRequest("c", *(trim[name] for name in names)) == TrimRequest("c")


@pytest.mark.parametrize("absent", ["model", "tokenizer"])
def test_a_directory_that_is_not_there_is_a_sentence(absent: str, place: Place, target: Path, run: Run) -> None:
    given = {"model": place.base, "tokenizer": target, absent: place.root / "nowhere"}
    ran = run("replace", given["model"], "--tokenizer", given["tokenizer"], "--out", place.out)
    assert (ran.status, ran.err.count("Error: ")) == (1, 1)
    assert not place.out.exists()
