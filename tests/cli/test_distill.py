from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.distillation.models import extend_small
from vocabx.cli import main
from vocabx.distillation.settings import DistillationSettings


def parsed() -> dict[str, Any]:
    command: Any = main.commands["distill"]
    return dict(command.make_context("distill", ["dir", "--corpus", "c", "--out", "o"]).params)


def test_the_defaults_are_those_of_the_library_and_every_setting_is_an_option() -> None:
    given, settings = parsed(), DistillationSettings()
    names = settings.__dataclass_fields__.keys()
    assert {name: given[name] for name in names} == {name: getattr(settings, name) for name in names}
    others = {"directory", "corpus", "text_field", "out", "base", "held_out", "languages", "force", "as_json"}
    assert given.keys() - names == others


@pytest.mark.torch
def test_a_distilled_model_is_written_and_reported(tmp_path: Path, run: Run) -> None:
    small = extend_small(tmp_path)
    arguments = ["distill", small.directory, "--corpus", small.corpus, "--out", tmp_path / "out", "--contexts", 2]
    ran = run(*arguments, "--json")
    assert ran.status == 0, ran.err
    result = json.loads(ran.out)
    assert result["trained"] > 0
    assert {"hidden-state error before", "hidden-state error after", "bits per byte after"} <= result.keys()
    assert result["output"] == str(tmp_path / "out")
    assert result["headline"].endswith(f"Prove it with: vocabx verify {tmp_path / 'out'} --base BASE")
    again = run(*arguments)
    assert again.status == 1
    assert "exists already" in again.err
    assert run("verify", tmp_path / "out", "--base", small.base).status == 0  # the record says that it was trained
