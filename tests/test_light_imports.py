"""Help appears at once: asking for it imports nothing heavy."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import vocabx

HEAVY = {"faiss", "gensim", "pyarrow", "scipy", "sentencepiece", "tokenizers", "torch", "transformers"}

EVERY_HELP = """
import click
from vocabx.cli import main

def show(command, path):
    try:
        command.main([*path, "--help"], standalone_mode=False)
    except SystemExit:
        pass
    print("shown", *path)

context = click.Context(main)
for name in main.list_commands(context):
    show(main, [name])
"""


def imported_by(*arguments: str, folder: Path) -> tuple[set[str], str]:
    """Run Python and return the names of all modules it imported, and what it printed."""
    run = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PYTHONPATH": str(Path(vocabx.__file__).parents[1]), "PATH": "", "PYTHONIOENCODING": "utf-8"},
    )
    assert run.returncode == 0, re.sub(r"^import time:.*\n", "", run.stderr, flags=re.MULTILINE)
    return set(re.findall(r"^import time:.*\|\s*([\w.]+)$", run.stderr, re.MULTILINE)), run.stdout


def heavy(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names} & HEAVY


@pytest.mark.smoke
def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    names, output = imported_by("-m", "vocabx", "--help", folder=tmp_path)
    assert {"click", "vocabx", "vocabx.cli"} <= names
    assert "Usage:" in output
    assert heavy(names) == set()


@pytest.mark.smoke
def test_help_of_every_command_imports_nothing_heavy(tmp_path: Path) -> None:
    names, output = imported_by("-c", EVERY_HELP, folder=tmp_path)
    assert "shown methods" in output
    assert heavy(names) == set()


@pytest.mark.smoke
def test_importing_vocabx_imports_nothing_heavy(tmp_path: Path) -> None:
    names, _ = imported_by("-c", "import vocabx", folder=tmp_path)
    assert "vocabx" in names
    assert heavy(names) == set()


def test_a_heavy_import_is_seen(tmp_path: Path) -> None:
    names, _ = imported_by("-c", "import scipy.sparse", folder=tmp_path)
    assert "scipy" in heavy(names)
