"""What the commands of `vocabx evaluate` have in common."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from vocabx.cli import main
from vocabx.cli.evaluate import EVALUATIONS, evaluate


def test_every_evaluation_is_listed_with_what_it_does_in_full() -> None:
    said = CliRunner().invoke(main, ["evaluate", "--help"], terminal_width=80).stdout
    assert len(evaluate.commands) == len(EVALUATIONS)
    assert all(summary in said for summary in EVALUATIONS.values())


@pytest.mark.parametrize("name", sorted(evaluate.commands))
def test_a_file_that_is_no_result_is_not_replaced(name: str, tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("kept")
    ran = CliRunner().invoke(main, ["evaluate", name, "model", "--out", str(precious)])
    assert ran.exit_code == 1
    assert f"{precious} is no result of `vocabx evaluate` and is not replaced." in ran.stderr
    assert precious.read_text() == "kept"
