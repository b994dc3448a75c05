"""The scripts as modules, and a planted corpus."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.data_scripts.corpus.corpora import EVALUATION, SCRIPTS, SWAHILI, Run, sentences


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return import_module("data_scripts.prepare_corpus")


@pytest.fixture
def run(script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["prepare_corpus.py", "--workers", "1", "--tasks", "2", *map(str, arguments)])
        script.main()
        return capsys.readouterr().out

    return call


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    plant = import_module("data_scripts.plant_corpus")
    numbers = plant.Numbers(lines=8, exact=6, near=30, boilerplate=8, foreign=4, mixed=4, contaminated=6)
    base = plant.group(sentences(80 * 8, 1), 8)
    found = plant.plant(base, ["\n".join(SWAHILI)] * 10, [EVALUATION], numbers, 3)
    plant.write(found, tmp_path / "planted")
    (tmp_path / "task.tsv").write_text(f"text\tlabel\n{EVALUATION}\t1\n", "utf-8")
    return tmp_path / "planted" / "corpus.jsonl"


@pytest.fixture
def against(tmp_path: Path) -> tuple[str, str]:
    return "--set", f"decontaminate.against=[{tmp_path / 'task.tsv'}]"


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return lambda name: import_module(f"corpus_pipeline.{name}")
