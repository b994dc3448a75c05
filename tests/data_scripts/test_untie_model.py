from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.source_tree import ROOT
from vocabx.checkpoint import open_checkpoint
from vocabx.core.errors import InputError

pytestmark = pytest.mark.torch

BASE = ROOT / "vocabx" / "demo" / "base"
TEXT = ROOT / "vocabx" / "demo" / "text" / "held-out.en.txt"


@pytest.fixture
def script() -> Any:
    return import_module("data_scripts.untie_model")


def test_the_head_becomes_another_matrix_the_same_one_each_time(tmp_path: Path, script: Any) -> None:
    recipe = script.Recipe(steps=3, length=32, held_out=5)
    for name in ("first", "second"):
        script.untie(BASE, [str(TEXT)], tmp_path / name, recipe, force=False)
    checkpoint, base = open_checkpoint(tmp_path / "first"), open_checkpoint(BASE)
    assert json.loads((tmp_path / "first" / "config.json").read_text("utf-8"))["tie_word_embeddings"] is False
    assert checkpoint.head is not None
    embedding, head, original = (
        np.asarray(matrix, np.float32)
        for matrix in (checkpoint.matrix(checkpoint.input), checkpoint.matrix(checkpoint.head), base.matrix(base.input))
    )
    assert 0 < np.linalg.norm(head - embedding) < 0.05 * np.linalg.norm(embedding)
    assert np.linalg.norm(embedding - original) > 0
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    assert (tmp_path / "first" / "tokenizer.json").read_bytes() == (BASE / "tokenizer.json").read_bytes()
    with pytest.raises(InputError, match="a head of its own already"):
        script.untie(tmp_path / "first", [str(TEXT)], tmp_path / "third", recipe, force=False)
    assert not (tmp_path / "third").exists()


def test_a_held_out_paragraph_is_nowhere_in_the_training_text(script: Any) -> None:
    lines = [f"line {number % 40} of some length" for number in range(100)]
    recipe = script.Recipe(held_out=10, held_out_bytes=10)
    training, held_out = script.split_lines(lines, recipe, np.random.default_rng(0))
    assert len(set(held_out)) == 10
    assert not set(training) & set(held_out)
    assert set(training) | set(held_out) == set(lines)
    with pytest.raises(InputError, match="40 different lines"):
        script.split_lines(lines, script.Recipe(held_out=40, held_out_bytes=10), np.random.default_rng(0))
