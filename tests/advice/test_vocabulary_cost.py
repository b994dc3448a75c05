from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.extension.bases import WIDTH, learning, save_base, save_tokenizer
from tests.tokenizer_tools.toys import byte_level
from vocabx.checkpoint import Checkpoint, open_checkpoint
from vocabx.core.errors import CheckpointError
from vocabx.directories import extend
from vocabx.vocabulary_cost import VocabularyCost, read_cost

TOKENS = len(byte_level().tokens)


def count(checkpoint: Checkpoint) -> int:
    return sum(tensor.map().size for tensor in checkpoint.tensors.values())


@pytest.mark.parametrize(("tied", "padding"), [(True, 0), (False, 0), (False, 8), (True, 64)])
def test_the_parameters_are_those_that_an_extension_adds(tmp_path: Path, tied: bool, padding: int) -> None:
    base = save_base(tmp_path / "base", tied=tied, padding=padding)
    extend(base, out=tmp_path / "out", **learning(tmp_path, size=40))
    before, after = open_checkpoint(base), open_checkpoint(tmp_path / "out")
    cost = read_cost(base, TOKENS)
    assert cost.new_rows(40) == after.rows - before.rows == max(40 - padding, 0)
    assert cost.new_parameters(40) == count(after) - count(before)
    assert cost.parameters == count(before)
    assert cost.share(40) == pytest.approx((count(after) - count(before)) / count(before))
    assert cost.embedding_ratio(40) == after.rows / before.rows
    assert (cost.width, cost.matrices, cost.remark) == (WIDTH, 1 + (not tied), "the weights")


@pytest.mark.parametrize("tied", [True, False])
def test_without_weights_the_configuration_says_the_same_but_no_share(tmp_path: Path, tied: bool) -> None:
    base = save_base(tmp_path / "base", tied=tied, padding=8)
    whole = read_cost(base, TOKENS)
    (base / "model.safetensors").unlink()
    cost = read_cost(base, TOKENS)
    assert [cost.new_parameters(size) for size in (0, 5, 50)] == [whole.new_parameters(size) for size in (0, 5, 50)]
    assert cost.share(50) is None
    assert cost.remark == "config.json; the weights are not there"


def test_weights_that_cannot_be_read_are_no_obstacle(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base")
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "quantization_config": {"bits": 4}}))
    cost = read_cost(base, TOKENS)
    assert (cost.new_parameters(10), cost.parameters) == (10 * WIDTH * 2, None)
    assert "the weights were not read: The model in" in cost.remark


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"model_type": "gpt2", "n_embd": 12, "vocab_size": TOKENS}, 12),
        ({"model_type": "llama", "hidden_size": 12, "vocab_size": TOKENS}, 24),
        ({"model_type": "opt", "hidden_size": 12, "word_embed_proj_dim": 4, "vocab_size": TOKENS}, 4),
        ({"model_type": "gemma3", "text_config": {"hidden_size": 12, "vocab_size": TOKENS}}, 12),
        ({"model_type": "llama", "tie_word_embeddings": True, "hidden_size": 12}, 12),
        ({"model_type": "strange"}, None),
    ],
)
def test_the_width_is_found_in_any_configuration(tmp_path: Path, config: dict[str, Any], expected: int | None) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert read_cost(tmp_path, TOKENS).new_parameters(1) == expected


def test_a_tokenizer_alone_gives_rows_only(tmp_path: Path) -> None:
    save_tokenizer(tmp_path)
    cost = read_cost(tmp_path, TOKENS)
    assert cost == VocabularyCost(TOKENS, TOKENS, remark="no config.json: rows only")
    assert (cost.new_rows(30), cost.new_parameters(30), cost.share(30)) == (30, None, None)
    assert cost.embedding_ratio(TOKENS) == 2


def test_reserved_slots_that_are_taken_need_no_row(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", padding=2)
    cost = read_cost(base, TOKENS, reserved=3)
    assert [cost.new_rows(size) for size in (1, 3, 5, 6)] == [0, 0, 0, 1]


def test_a_configuration_that_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="is not JSON"):
        read_cost(tmp_path, TOKENS)
