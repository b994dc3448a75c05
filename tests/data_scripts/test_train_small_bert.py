from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data_scripts.small_bert import SAMPLE, tiny_recipe, train_tiny_bert
from vocabx.core.errors import InputError
from vocabx.tokenizer_tools.read import read_tokenizer

pytestmark = pytest.mark.torch


@pytest.fixture
def script() -> Any:
    return import_module("data_scripts.train_small_bert")


def test_the_same_seed_gives_the_same_files_and_training_moves_the_bias(tmp_path: Path, script: Any) -> None:
    from transformers import AutoModelForMaskedLM

    first, second = (train_tiny_bert(tmp_path / name) for name in ("first", "second"))
    for name in ("model.safetensors", "tokenizer.json", "vocab.txt", "config.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    model = AutoModelForMaskedLM.from_pretrained(first)
    head, tokens = model.get_output_embeddings(), read_tokenizer(first).tokens
    assert head.weight.data_ptr() == model.get_input_embeddings().weight.data_ptr()
    assert (first / "vocab.txt").read_text("utf-8").splitlines() == list(tokens.pieces)
    untrained = script.make_model(tiny_recipe(), 0, np.full(900, 1 / 900)).get_output_embeddings()
    assert np.ptp(untrained.bias.detach().numpy()) < 1e-6
    assert np.ptp(head.bias.detach().numpy()) > 3
    found = script.check([str(SAMPLE)], first, tiny_recipe())
    assert found.tokens > 100
    assert 3 < found.unigram < math.log(900)


def test_what_neighbours_tell_is_learnt(tmp_path: Path, script: Any) -> None:
    rng = np.random.default_rng(0)
    words = ["ab", "cd", "ef", "gh", "ij", "kl", "mn", "op", "qr", "st", "uv", "wx"]
    walks = rng.integers(12, size=(400, 1)) + rng.integers(1, 3, (400, 12)).cumsum(axis=1)
    corpus = tmp_path / "walks.txt"
    corpus.write_text("\n".join(" ".join(words[place % 12] for place in walk) for walk in walks), "utf-8")
    recipe = tiny_recipe(vocabulary=65, steps=150, learning_rate=5e-3)
    script.train([str(corpus)], tmp_path / "model", recipe, force=False)
    found = script.check([str(corpus)], tmp_path / "model", recipe)
    assert found.unigram > 2.4
    assert found.model < 1.8


@pytest.mark.slow
def test_the_trained_model_beats_frequencies_by_far(resources: Callable[[str], Path], script: Any) -> None:
    found = script.check([str(resources("texts") / "pydocs.en.txt")], resources("small-bert"), script.Recipe())
    assert found.model < found.unigram - 1


def test_heads_start_out_looking_at_their_neighbours(script: Any) -> None:
    import torch

    torch.manual_seed(0)
    model = script.make_model(tiny_recipe(heads=6, hidden=192), 0, np.full(900, 1 / 900)).eval()
    model.set_attn_implementation("eager")
    with torch.no_grad():
        attention = model.bert(input_ids=torch.randint(5, 900, (1, 40)), output_attentions=True).attentions[0][0]
    for head, offset in enumerate((1, -1, 2, -2, 3, -3)):
        places = attention[head, 5:35].argmax(dim=1) - torch.arange(5, 35)
        assert (places == offset).float().mean() > 0.9


def test_special_tokens_are_never_hidden(script: Any) -> None:
    masking = script.Masking(2, 4, np.arange(5), 0.5)
    ids = np.random.default_rng(0).integers(0, 50, (40, 50))
    shown, hidden = masking.hide(ids, np.random.default_rng(1))
    assert not hidden[ids < 5].any()
    assert 0.45 < hidden[ids >= 5].mean() < 0.55
    np.testing.assert_array_equal(shown, np.where(hidden, 4, ids))


def test_a_held_out_line_is_nowhere_in_the_training_text(script: Any) -> None:
    lines = [f"line {number % 70}" for number in range(100)]
    recipe = script.Recipe(block_lines=10, held_out_blocks=3)
    training, held_out = script.split_lines(lines, recipe, np.random.default_rng(0))
    assert not set(training) & set(held_out)
    assert set(training) | set(held_out) == set(lines)
    with pytest.raises(InputError, match="10 blocks of 10 lines; holding out 10"):
        script.split_lines(lines, script.Recipe(block_lines=10, held_out_blocks=10), np.random.default_rng(0))


def test_a_sequence_begins_with_a_line(script: Any) -> None:
    from vocabx.core.arrays import Ragged

    lines = Ragged.from_rows([[10, 11, 3], [20, 3], [30, 31, 32, 3], [40, 3]])
    masking = script.Masking(2, 4, np.arange(5), 0.5)
    batch = script.draw_batch(lines, 5, 200, masking, np.random.default_rng(0))
    assert {tuple(row) for row in batch.tolist()} == {
        (2, 10, 11, 3, 20),
        (2, 20, 3, 30, 31),
        (2, 30, 31, 32, 3),
    }
