from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.evaluation.made import BASE, result
from vocabx.evaluation.context import describe_model
from vocabx.evaluation.reporting.report import to_report


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    found = [tmp_path / "kobest.json", tmp_path / "xnli.json"]
    for file in found:
        result(kind=file.stem).save(file)
    return found


def test_one_result_is_shown_whole(run: Run, files: list[Path]) -> None:
    ran = run("report", files[0])
    assert (ran.status, ran.out) == (0, to_report(result()).to_text() + "\n")


def test_several_results_are_put_together(run: Run, files: list[Path]) -> None:
    ran = run("report", *files)
    lines = ran.out.splitlines()
    assert [line for line in lines if line in ("kobest", "xnli", "models")] == ["kobest", "xnli", "models"]
    assert sum(line.startswith("base ") for line in lines) == 1


def test_results_are_data_on_request(run: Run, files: list[Path]) -> None:
    found = json.loads(run("report", *files, "--json").out)
    assert [model["name"] for model in found["models"]] == ["base", "changed"]
    assert found["results"] == [json.loads(file.read_text()) for file in files]
    assert {score["group"] for score in found["scores"]} == {"kobest", "xnli"}


def test_results_are_markdown_on_request(run: Run, files: list[Path]) -> None:
    ran = run("report", *files, "--markdown")
    assert "**xnli**\n\n| task | metric | base | changed | floor | items |\n| --- |" in ran.out


def test_a_picture_is_drawn_and_replaced_only_by_force(run: Run, files: list[Path], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "picture.png"
    assert run("report", *files, "--picture", picture).status == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    ran = run("report", *files, "--picture", picture)
    assert (ran.status, ran.out) == (1, "")
    assert "exists already" in ran.err
    assert run("report", *files, "--picture", picture, "--force").status == 0


def test_metrics_of_the_picture_are_chosen_by_their_names(run: Run, files: list[Path], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "picture.svg"
    assert run("report", *files, "--picture", picture, "--metric", "acc").status == 0
    ran = run("report", *files, "--picture", tmp_path / "b.svg", "--metric", "taste")
    assert (ran.status, ran.out) == (1, "")
    assert "There is no metric in these results called 'taste'" in ran.err
    assert "needs a --picture" in run("report", *files, "--metric", "acc").err


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read"), ("{", "is not JSON"), ('{"format": 1}', "is not a result of `vocabx evaluate`")],
)
def test_a_damaged_file_is_one_sentence(
    content: str | None, message: str, run: Run, files: list[Path], tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.json"
    if content is not None:
        damaged.write_text(content)
    ran = run("report", *files, damaged)
    assert (ran.status, ran.out) == (1, "")
    (line,) = ran.err.strip().splitlines()
    assert line.startswith(f"Error: {damaged}")
    assert message in line


def test_no_file_and_two_formats_are_refused(run: Run, files: list[Path]) -> None:
    assert run("report").status == 2
    assert "not both" in run("report", files[0], "--json", "--markdown").err


def test_a_card_gets_the_results_of_its_model(run: Run, tmp_path: Path) -> None:
    model, file = tmp_path / "model", tmp_path / "result.json"
    model.mkdir()
    assert "has no config.json" in run("card", model, "--results", file).err
    (model / "config.json").write_text("{}")
    own = describe_model("base", model)
    result(models=(own, result().models[1])).save(file)
    ran = run("card", model, "--results", file)
    assert (ran.status, ran.out) == (0, f"1 evaluation written to {model / 'README.md'}.\n")
    assert "0.6250 [0.5500, 0.7000]" in (model / "README.md").read_text()
    assert "Proof" not in (model / "README.md").read_text()  # no check was asked for
    result(models=(BASE, result().models[1])).save(file)
    assert "None of the results is of model as it is now" in run("card", model, "--results", file).err


def test_the_help_shows_what_to_run_line_by_line(run: Run) -> None:
    lines = [line.strip() for line in run("report", "--help").out.splitlines()]
    assert "$ vocabx report bits.json kobest.json --picture results.png" in lines
