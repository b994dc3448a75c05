"""What the commands of `vocabx evaluate` have in common."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.test_light_imports import heavy, imported_by
from vocabx.cli import main
from vocabx.cli.evaluate import EVALUATIONS, evaluate

RUNNING = [[name, "model"] for name in sorted(evaluate.commands) if name != "fertility"]
RUNNING += [["xnli", "model", "--finetune"]]
"""Every evaluation that runs models."""

EVERY_HELP = """
from vocabx.cli import main
from vocabx.cli.evaluate import evaluate
for name in evaluate.commands:
    try:
        main.main(["evaluate", name, "--help"], standalone_mode=False)
    except SystemExit:
        pass
    print("shown", name)
"""


def test_every_evaluation_is_listed_with_what_it_does_in_full() -> None:
    said = CliRunner().invoke(main, ["evaluate", "--help"], terminal_width=80).stdout
    assert len(evaluate.commands) == len(EVALUATIONS)
    assert all(summary in said for summary in EVALUATIONS.values())


def test_help_of_every_evaluation_imports_no_torch(tmp_path: Path) -> None:
    names, output = imported_by("-c", EVERY_HELP, folder=tmp_path)
    assert output.count("shown") == len(EVALUATIONS)
    assert heavy(names) == set()


@pytest.mark.parametrize("arguments", RUNNING)
def test_a_type_that_no_model_computes_in_is_refused_before_anything_is_read(arguments: list[str]) -> None:
    ran = CliRunner().invoke(main, ["evaluate", *arguments, "--dtype", "int3"])
    assert ran.exit_code == 1
    known = "Known: bfloat16, float16, float32."
    assert ran.stderr.strip() == f"Error: There is no type to compute in called 'int3'. {known}"


@pytest.mark.torch
@pytest.mark.parametrize("arguments", RUNNING)
def test_a_device_that_is_not_there_is_refused_before_anything_is_read(arguments: list[str]) -> None:
    ran = CliRunner().invoke(main, ["evaluate", *arguments, "--device", "abacus"])
    assert ran.exit_code == 1
    assert ran.stderr.strip().startswith("Error: There is no device 'abacus' to run on. There is: cpu")


@pytest.mark.parametrize("name", sorted(evaluate.commands))
def test_a_file_that_is_no_result_is_not_replaced(name: str, tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("kept")
    ran = CliRunner().invoke(main, ["evaluate", name, "model", "--out", str(precious)])
    assert ran.exit_code == 1
    assert f"{precious} is no result of `vocabx evaluate` and is not replaced." in ran.stderr
    assert precious.read_text() == "kept"


def test_an_unknown_task_is_found_before_any_file_is_looked_for(tmp_path: Path) -> None:
    ran = CliRunner().invoke(main, ["evaluate", "kobest", "model", "--data", str(tmp_path), "--tasks", "boolq,copaa"])
    assert ran.exit_code == 1
    assert "Did you mean 'copa'?" in ran.stderr
