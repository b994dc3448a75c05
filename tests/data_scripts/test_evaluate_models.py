from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.made import result
from vocabx.cli.evaluate import evaluate

script: Any = import_module("data_scripts.evaluate_models")


@pytest.mark.parametrize("command", [*script.PRETRAINED.values(), *script.ENCODERS.values()])
def test_every_command_is_one_that_vocabx_takes(command: str) -> None:
    name, *arguments = command.format(models="a b", encoders="c d", texts="t", kobest="k", xnli="x").split()
    evaluate.commands[name].make_context(name, arguments)


def test_what_was_measured_before_becomes_the_page(tmp_path: Path) -> None:
    result().save(tmp_path / "kobest.json")
    (tmp_path / "help.ko.txt").write_text("하나\nsame\n둘\n", "utf-8")
    (tmp_path / "help.en-us.txt").write_text("one\nsame\ntwo\n", "utf-8")
    folders = [part for name in ("help-texts", "kobest", "xnli", "out") for part in (f"--{name}", str(tmp_path))]
    run = subprocess.run(
        [sys.executable, script.__file__, "a/base", "b/made", *folders, "--only", "kobest"],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert "vocabx evaluate kobest base made --data" in run.stdout
    assert "| task |" in run.stdout
    assert (tmp_path / "translated.ko.txt").read_text("utf-8") == "하나\n둘\n"
    assert (tmp_path / "translated.en.txt").read_text("utf-8") == "one\ntwo\n"
