"""The program leaves torch alone where no model is run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Place
from vocabx.cli import main
from vocabx.cli.program import COMPUTING_OPTIONS, TOKENIZER_COMMANDS

PROGRAM = """
import sys
from pathlib import Path
from vocabx.cli.program import run
try:
    run()
except SystemExit as stop:
    assert not stop.code, stop.code
print("torch" if "torch" in sys.modules else "no torch")
"""


def program(*arguments: str) -> str:
    """Run the program in a process of its own, and say whether it has loaded torch by its end."""
    run = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()[-1]


def test_commands_and_options_are_those_that_there_are() -> None:
    assert main.commands.keys() >= set(TOKENIZER_COMMANDS)
    options = {name for command in main.commands.values() for option in command.params for name in option.opts}
    assert options.issuperset(COMPUTING_OPTIONS)


@pytest.mark.torch
def test_extending_leaves_torch_alone_and_changes_no_byte(place: Place) -> None:
    files = {}
    for name, more, torch in (("alone", (), "no torch"), ("beside", ("--encoder", "json:dumps"), "torch")):
        out = place.root / name
        assert program(*place.extend(*more, out=out)) == torch
        files[name] = [(out / file).read_bytes() for file in ("model.safetensors", "tokenizer.json")]
    assert files["alone"] == files["beside"]


@pytest.mark.torch
def test_verifying_takes_torch(place: Place) -> None:
    program(*place.extend())
    assert program("verify", str(place.out), "--base", str(place.base)) == "torch"


def test_an_interrupt_while_libraries_are_imported_is_one_sentence(tmp_path: Path) -> None:
    code = (
        "import sys; from vocabx.cli import program\n"
        "def stop(): raise KeyboardInterrupt\n"
        "program._import_tokenizers_alone = stop; program.run()"
    )
    run = subprocess.run([sys.executable, "-c", code, "extend", "base"], capture_output=True, text=True, cwd=tmp_path)
    assert (run.returncode, run.stderr) == (130, "\nInterrupted. Nothing was changed.\n")
