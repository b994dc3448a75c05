from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ran, Run, run
from tests.source_tree import ROOT
from vocabx.comparison.compare import Comparer
from vocabx.comparison.measuring import Measuring
from vocabx.comparison.probe import NO_PROBE, Probe

pytestmark = pytest.mark.torch

DEMO = ROOT / "vocabx" / "demo"
TEXTS = DEMO / "text"
__all__ = ["run"]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    lines = (TEXTS / "corpus.ko.txt").read_text("utf-8").splitlines()[:200]
    (tmp_path / "corpus.txt").write_text("\n".join(lines), "utf-8")
    return tmp_path / "corpus.txt"


def arguments(corpus: Path, *more: object, size: int = 30) -> list[object]:
    held_out = ["--held-out", TEXTS / "held-out.ko.txt", "--held-out-source", TEXTS / "held-out.en.txt"]
    few = ["--paragraphs", 3, "--minimum-bytes", 50]
    return ["compare", DEMO / "base", "--corpus", corpus, "--size", size, *held_out, *few, *more]


def data(ran: Ran) -> dict[str, Any]:
    assert ran.status == 0, ran.err
    read: dict[str, Any] = json.loads(ran.out)
    return read


def test_the_demo_model_is_compared_right_after_the_change(corpus: Path, run: Run) -> None:
    found = data(run(*arguments(corpus, "--methods", "mean,random", "--greedy", 3, "--json")))
    mean, random = found["methods"]
    assert [row["method"] for row in (mean, random)] == ["mean", "random"]
    assert found["base"]["minus_base"] is None is mean["minus_best"]
    assert 0 <= mean["minus_base"]["estimate"] < 0.01 < random["minus_base"]["estimate"]
    assert mean["greedy"] == {"positions": found["greedy predictions compared"], "flips": 0, "ties": 0}
    assert random["greedy"]["flips"] > 0
    assert mean["tokens"]["target"]["all"] < found["base"]["tokens"]["target"]["all"]
    assert mean["tokens"]["target"]["new"] > 0 == mean["tokens"]["source"]["new"]
    assert found["trained"] == []


def test_a_comparison_goes_on_where_it_was_cut_off(
    corpus: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = ["--steps", 3, "--tokens-per-step", 64, "--seeds", 2, "--json"]
    asked = arguments(corpus, "--methods", "mean,random:scale=0.1", *training)
    whole = data(run(*asked))
    trained, calls = Measuring.trained, list[str]()

    def interrupted(self: Measuring, lines: Any, seed: int, place: str) -> Any:
        calls.append(place)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return trained(self, lines, seed, place)

    monkeypatch.setattr(Measuring, "trained", interrupted)
    stopped = run(*asked, "--out", tmp_path / "out")
    assert stopped.status == 130
    assert f"Interrupted. What was measured is kept in {tmp_path / 'out'}" in stopped.err
    kept = {file.name: file.read_bytes() for file in (tmp_path / "out" / "results").iterdir()}
    assert len(kept) == 5  # the base, two methods before training, one with two seeds after it
    resumed = data(run(*asked, "--out", tmp_path / "out"))
    assert len(calls) == 3 + 2
    assert kept.items() < {file.name: file.read_bytes() for file in (tmp_path / "out" / "results").iterdir()}.items()
    again = run(*asked, "--out", tmp_path / "out")
    assert "measurements left  0" in again.err
    assert len(calls) == 5
    for found in (resumed, data(again)):
        for times in ("methods", "trained"):
            for row, expected in zip(found[times], whole[times], strict=True):
                assert row | {"seconds": 0} == expected | {"seconds": 0}


def test_only_what_other_materials_concern_is_measured_again(corpus: Path, run: Run, tmp_path: Path) -> None:
    def left(methods: str, *materials: object) -> str:
        asked = arguments(corpus, "--methods", methods, *materials, "--out", tmp_path / "out", "--dry-run")
        return run(*asked).out.partition("measurements left")[2].split()[0]

    data(run(*arguments(corpus, "--methods", "mean,align,clp:compose=yes", "--donor", DEMO / "base", "--json", "--out",
                        tmp_path / "out")))  # fmt: skip
    assert left("mean,align") == "0"
    assert left("mean,align,clp:compose=yes", "--donor", DEMO / "base") == "0"
    shutil.copytree(DEMO / "base", tmp_path / "other")
    assert left("mean,align,clp:compose=yes", "--donor", tmp_path / "other") == "1"
    (tmp_path / "dictionary").write_text("water\t물\n", "utf-8")
    assert left("mean,align,clp:compose=yes", "--donor", DEMO / "base", "--dictionary", tmp_path / "dictionary") == "2"


def test_trained_rows_serve_the_target_language_better_and_the_source_no_worse(corpus: Path, run: Run) -> None:
    found = data(run(*arguments(corpus, "--methods", "mean", "--steps", 8, "--seeds", 1, "--json")))
    (before,), (after,) = found["methods"], found["trained"]
    assert after["target"]["estimate"] < before["target"]["estimate"]
    assert abs(after["source"]["estimate"] - before["source"]["estimate"]) < 0.01


def test_a_dry_run_says_how_long_it_would_take_and_measures_nothing(corpus: Path, run: Run, tmp_path: Path) -> None:
    ran = run(*arguments(corpus, "--methods", "mean,random", "--steps", 5, "--dry-run", "--out", tmp_path / "out"))
    assert ran.status == 0
    assert "measurements left                      9" in ran.out
    assert "steps of training left                 30" in ran.out
    assert "expected time, beside making the rows" in ran.out
    assert not (tmp_path / "out").exists()


def test_a_dry_run_prints_the_cost_as_data_where_that_is_asked_for(corpus: Path, run: Run) -> None:
    found = data(run(*arguments(corpus, "--methods", "mean", "--dry-run", "--json")))
    assert found["measurements left"] == 2
    assert found["expected seconds"] > 0


def test_a_place_that_cannot_hold_results_is_refused_before_any_work(corpus: Path, run: Run, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("mine", "utf-8")
    for place, complaint in (
        (foreign, "foreign holds other files, and no results of a comparison. Choose another --out."),
        (foreign / "thesis.txt", "thesis.txt cannot be written"),
        (foreign / "thesis.txt" / "new", "new cannot be written"),
    ):
        for more in ([], ["--dry-run"]):
            ran = run(*arguments(corpus, "--methods", "mean", "--out", place, *more))
            assert (ran.status, ran.out) == (1, "")
            assert ran.err.startswith("Error: ")
            assert complaint in ran.err
    assert [file.name for file in foreign.iterdir()] == ["thesis.txt"]


def test_a_tokenizer_can_be_swapped_in(run: Run, corpus: Path, tmp_path: Path) -> None:
    assert run("tokenizer", "train", "--corpus", corpus, "--size", 400, "--like", DEMO / "base", "--out",
               tmp_path / "tokenizer").status == 0  # fmt: skip
    swapped = [part for part in arguments(corpus, "--methods", "mean,constituents") if part not in ("--size", 30)]
    ran = run(*swapped, "--tokenizer", tmp_path / "tokenizer", "--json")
    assert [row["method"] for row in data(ran)["methods"]] == ["constituents", "mean"]
    ran = run(*swapped, "--tokenizer", tmp_path / "tokenizer", "--greedy", 1)
    assert "Greedy choices can be compared only where the base's ids stay" in ran.err


def test_paragraphs_of_the_corpus_measure_nothing(run: Run) -> None:
    ran = run(*arguments(TEXTS / "held-out.ko.txt", "--methods", "mean"))
    assert ran.status == 1
    assert f"This paragraph of {TEXTS / 'held-out.ko.txt'} is in the training text" in ran.err


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (["--methods", "mena"], "no method called 'mena'"),
        (["--methods", "random:scales=2"], "no option called 'scales'"),
        (["--methods", "focus:dimensions=abc"], "The option dimensions is a whole number, got 'abc'"),
        (["--methods", "trans-tokenization"], "trans-tokenization needs parallel text"),
        (["--methods", "omp"], "The method omp needs donor model: give --donor."),
        (["--held-out", "nothere"], "There is no file nothere. Name another with --held-out."),
        (["--seeds", "0"], "at least one seed"),
        (["--tokenizer", "x"], "leave out --size or --tokenizer"),
        (["--picture", "a.gif"], "must end in .png"),
    ],
)
def test_what_makes_no_sense_is_refused(corpus: Path, run: Run, more: list[str], complaint: str) -> None:
    ran = run(*arguments(corpus, *more))
    assert ran.status in (1, 2)
    assert complaint in ran.err


@pytest.mark.parametrize("methods", ["random:scales=2", "focus:dimensions=abc", "omp"])
def test_methods_are_checked_before_the_tokenizer_is_made(corpus: Path, run: Run, methods: str, tmp_path: Path) -> None:
    ran = run(*arguments(corpus, "--methods", methods, "--out", tmp_path / "out"))
    assert len(ran.err.splitlines()) == 1, "no stage was begun"
    assert not (tmp_path / "out").exists()


def test_the_defaults_are_those_of_the_library() -> None:
    from vocabx.cli.compare import compare

    needed = ["base", "--corpus", "corpus", "--size", "1", "--held-out", "text"]
    given = compare.make_context("compare", needed).params
    probe = Probe(given["steps"], given["tokens_per_step"], given["learning_rate"], given["train_all_rows"])
    assert probe == NO_PROBE
    fields = {field.name: field.default for field in dataclasses.fields(Comparer)}
    assert (given["greedy"], given["dtype"]) == (fields["greedy"], fields["dtype"])


def test_no_option_of_a_single_method_is_asked_for() -> None:
    from vocabx.cli.compare import compare

    names = {parameter.name for parameter in compare.params}
    assert names >= {"methods", "corpus", "source_corpus", "dictionary", "donor", "encoder", "cache", "seed"}
    assert names.isdisjoint({"method", "method_options", "factorize"})
