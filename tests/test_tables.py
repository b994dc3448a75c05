"""Lists that the documents repeat are those of the code."""

from __future__ import annotations

import re

from click.testing import CliRunner

from tests.source_tree import ROOT
from vocabx.cli.evaluate import evaluate
from vocabx.initializers.table import INITIALIZERS
from vocabx.verification.table import CHECKS

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_names_every_check_in_order() -> None:
    table = README.partition("| about | checks |")[2].partition("\n\n")[0]
    cells = [row.split("|")[2] for row in table.strip().splitlines()[1:]]
    assert [name.strip() for cell in cells for name in cell.split("·")] == [check.name for check in CHECKS]


def test_the_readme_names_every_method_in_order() -> None:
    block = README.partition("$ vocabx methods\n")[2].partition("```")[0]
    names = re.findall(r"^([a-z0-9-]+) {2,}", block, re.MULTILINE)
    assert names == ["name", *INITIALIZERS]


def test_every_measured_method_exists() -> None:
    rows = re.findall(r"^\| ([a-z-]+|cw2v) \| \d", README.partition("## Measured")[2], re.MULTILINE)
    assert rows
    assert set(rows) <= {"base", *INITIALIZERS}


def test_the_readme_names_every_evaluation() -> None:
    section = README.partition("\n## Evaluate\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)[1:]
    named = [name.strip("`") for row in rows for name in row.split(", ")]
    options = [name for name in named if " " in name]
    assert sorted(set(named) - set(options)) == sorted(evaluate.commands)
    assert len(set(named)) == len(named)
    for command, option in (name.split() for name in options):
        assert re.search(rf"{option}\b", CliRunner().invoke(evaluate, [command, "--help"]).output)
