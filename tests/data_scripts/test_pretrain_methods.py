from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.distillation.models import extend_small
from vocabx.training.curve import Point

script: Any = import_module("data_scripts.pretrain_methods")


def trained(name: str, values: list[float], spent: float = 0.0) -> Any:
    points = [
        Point(1, step, 100 * step, 500 * step, 60.0, None, None, {"ko": value}) for step, value in enumerate(values)
    ]
    return script.Trained(name, 1e10, spent, points)


@pytest.mark.parametrize(
    ("values", "value", "reached"),
    [
        ([3.0, 2.0, 1.0], 2.0, 1.0),
        ([3.0, 2.0, 1.0], 1.5, 1.5),
        ([3.0, 2.0, 1.0], 5.0, 0.0),
        ([3.0, 2.0, 2.5], 1.9, None),
        ([3.0, 3.0, 2.0], 2.5, 1.5),
    ],
)
def test_a_value_is_reached_between_two_points(values: list[float], value: float, reached: float | None) -> None:
    assert trained("mean", values).reaches("ko", value) == (None if reached is None else pytest.approx(reached))


def test_a_distillation_is_paid_for_before_the_first_point() -> None:
    spent = trained("mean+distilled", [3.0, 2.0], spent=2e12)
    assert [spent.compute(point) for point in spent.points] == pytest.approx([2.0, 3.0])
    assert spent.reaches("ko", 2.5) == pytest.approx(2.5)


def test_the_table_says_what_share_of_random_s_compute_it_took() -> None:
    table = script.curve_table([trained("random", [4.0, 3.0, 2.0]), trained("mean", [3.0, 1.0, 1.0])])
    assert dict(zip(table.columns, table.rows[1], strict=True)) == {
        "method": "mean",
        "operations, 10^12": "2",
        "tokens": "200",
        "MB read": "0.00",
        "ko, before": "3.000",
        "ko, after": "1.000",
        "compute to random's end": "25%",
        "minutes": "1",
    }


@pytest.mark.parametrize("tied", [True, False])
def test_entries_are_those_that_a_token_is_multiplied_with(tied: bool, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    model = extend_small(tmp_path, tied=tied)
    loaded = import_module("transformers").AutoModelForCausalLM.from_pretrained(model.directory, dtype=torch.float32)
    head = loaded.lm_head.weight.numel()
    every = sum(parameter.numel() for parameter in loaded.parameters())  # a tied matrix comes once
    assert script.entries(model.directory) == (every - head * (1 if tied else 2), head)


def test_operations_of_a_distillation_are_read_from_the_record(tmp_path: Path) -> None:
    model = extend_small(tmp_path)
    assert script.distilling(model.directory) == script.distilling(model.base) == 0.0
    body, head = script.entries(model.directory)
    manifest = model.directory / "vocabx.json"
    run = {"settings": {"objective": "hidden", "epochs": 2}, "teacher_tokens": 10, "student_tokens": 3}
    manifest.write_text(json.dumps({**json.loads(manifest.read_text("utf-8")), "training": [run]}), "utf-8")
    assert script.distilling(model.directory) == body * 2 * (20 + 12)
    run["settings"] = {"objective": "both", "epochs": 1}
    manifest.write_text(json.dumps({**json.loads(manifest.read_text("utf-8")), "training": [run]}), "utf-8")
    assert script.distilling(model.directory) == (body + head) * (20 + 12)


def test_what_was_trained_otherwise_is_not_shown_as_trained_so(tmp_path: Path) -> None:
    options = script.argparse.Namespace(out=tmp_path, tokens=100, methods=["mean"], picture=None, seed=0)
    script.check_options(options)
    script.check_options(script.argparse.Namespace(**{**vars(options), "methods": ["base"]}))
    with pytest.raises(SystemExit, match=r"other options \(seed\)"):
        script.check_options(script.argparse.Namespace(**{**vars(options), "seed": 1}))
    out = tmp_path / "trained" / "mean"
    out.mkdir(parents=True)
    (out / script.RECORD_FILE).write_text(json.dumps([{"settings": {"tokens": 90}}]), "utf-8")
    with pytest.raises(SystemExit, match="had 90 tokens, and with these methods it is to have 100"):
        script.train("mean", tmp_path, 100, options)
    assert script.train("mean", tmp_path, 90, options) == out


@pytest.mark.slow
def test_the_page_is_made_and_not_measured_again(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    model = extend_small(tmp_path / "model")
    text = tmp_path / "text.txt"
    lines = model.corpus.read_text("utf-8").splitlines()
    text.write_text("".join(f"{line} {line}\n" for line in lines[:60]), "utf-8")
    words = [model.base, "--corpus", model.corpus, "--held-out", f"ko={text}", "--held-out", f"en={text}"]
    words += ["--out", tmp_path / "out", "--size", "24", "--tokens", "1500", "--length", "32", "--held-out-limit", "5"]
    words += ["--snippets", "10", "--picture", tmp_path / "picture.png"]
    words += ["--methods", "base", "random", "mean", "mean+distilled"]
    command = [sys.executable, script.__file__, *map(str, words)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("| mean+distilled |") == 1
    assert "**bits-per-byte**" in run.stdout
    assert "**retention**" in run.stdout
    assert "| base | " in run.stdout
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.size[0] > 1000
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.stdout == run.stdout
    assert "tokenizing" not in again.stderr
