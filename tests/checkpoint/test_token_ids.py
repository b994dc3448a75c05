"""Settings follow the ids that they name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.checkpoint.models import HEAD, INPUT, LLAMA, llama_tensors, load_model, mean_row, save_model
from vocabx.checkpoint import open_checkpoint, staged_directory, write_checkpoint
from vocabx.checkpoint.config import lost_settings, resized_config, resized_generation_config
from vocabx.checkpoint.token_ids import MovedIds, named_ids
from vocabx.core.errors import CheckpointError
from vocabx.core.initialization import Initialization
from vocabx.core.plan import NEW, Plan

PLAN = Plan(np.array([0, 2, 4, 6, 8, NEW]), 10, 12, 8, {})
"""Even ids go to their halves, odd ones are dropped; id 5 is new, and two rows are padding."""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"eos_token_id": 4, "pad_token_id": 0}, {"eos_token_id": 2, "pad_token_id": 0}),
        ({"eos_token_id": [2, 3, 8]}, {"eos_token_id": [1, 4]}),
        ({"pad_token_id": 3, "bos_token_id": None}, {"pad_token_id": None, "bos_token_id": None}),
        ({"pad_token_id": -1, "image_token_index": -200}, {"pad_token_id": -1, "image_token_index": -200}),
        ({"text_config": {"eos_token_id": 6}}, {"text_config": {"eos_token_id": 3}}),
        ({"image_token_index": 8, "boi_token_index": 6}, {"image_token_index": 4, "boi_token_index": 3}),
        ({"video_token_id": 2, "padding_idx": 4}, {"video_token_id": 1, "padding_idx": 2}),
        ({"begin_suppress_tokens": [1, 2]}, {"begin_suppress_tokens": [1]}),
        ({"bad_words_ids": [[2, 4], [3, 4], [8]]}, {"bad_words_ids": [[1, 2], [4]]}),
        ({"bad_words_ids": [[3]]}, {"bad_words_ids": None}),
        ({"forced_decoder_ids": [[1, 4], [2, 5]]}, {"forced_decoder_ids": [[1, 2]]}),
        ({"hidden_size": 4, "name": "a", "is_token_id": True}, {"hidden_size": 4, "name": "a", "is_token_id": True}),
    ],
)
def test_every_id_follows_its_row(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert MovedIds(PLAN).move(before) == after


def test_an_extension_leaves_settings_alone() -> None:
    settings = {"eos_token_id": 4, "image_token_index": 11, "bad_words_ids": [[99]]}
    moved = MovedIds(Plan.appending(10, 2, 12, 12, {}))
    assert (moved.move(settings), moved.losses) == (settings, [])


@pytest.mark.parametrize(
    "settings",
    [
        {"eos_token_id": 3},
        {"eos_token_id": [3, 5]},
        {"decoder_start_token_id": 1},
        {"image_token_index": 11},
        {"text_config": {"audio_token_id": 7}},
    ],
)
def test_an_id_that_the_model_needs_is_not_dropped(settings: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match=r"give [a-z_]+ as id \d+, but the .* Set it to the id of"):
        lost_settings(settings, None, PLAN)


def test_what_can_be_done_without_is_named() -> None:
    config, generation = {"pad_token_id": 3, "eos_token_id": 4}, {"eos_token_id": [4, 5], "suppress_tokens": [7]}
    assert lost_settings(config, generation, PLAN) == (
        "pad_token_id 3 has no token any more",
        "eos_token_id 5 has no token any more",
    )
    assert lost_settings({}, None, PLAN) == ()


@pytest.mark.parametrize(("padding", "sentence"), [(4, "at id 2"), (3, "nowhere")])
def test_a_model_that_counts_positions_from_its_padding_keeps_that_id(padding: int, sentence: str) -> None:
    config = {"model_type": "xlm-roberta", "pad_token_id": padding}
    with pytest.raises(CheckpointError, match=f"from the id of its padding token, {padding}, .* {sentence}"):
        lost_settings(config, None, PLAN)
    assert lost_settings({"model_type": "xlm-roberta", "pad_token_id": 0}, None, PLAN) == ()
    assert lost_settings({"model_type": "bert", "pad_token_id": 4}, None, PLAN) == ()


def test_ids_that_settings_need_are_found_and_prohibited_ones_are_not() -> None:
    settings = {
        "eos_token_id": [1, 2],
        "pad_token_id": None,
        "bos_token_id": -1,
        "suppress_tokens": [3],
        "bad_words_ids": [[4]],
        "forced_decoder_ids": [[50, 5]],
        "vocab_size": 6,
        "text_config": {"image_token_index": 7},
    }
    assert named_ids(settings) == {1, 2, 5, 7}


@pytest.mark.parametrize(
    ("generation", "expected"),
    [
        ({"eos_token_id": [4, 3], "suppress_tokens": [2, 3, 11]}, {"eos_token_id": [2], "suppress_tokens": [1, 6, 7]}),
        (None, {"eos_token_id": 2, "pad_token_id": 0, "suppress_tokens": [6, 7]}),
    ],
)
def test_generation_settings_follow_too(generation: dict[str, Any] | None, expected: dict[str, Any]) -> None:
    config = {"eos_token_id": 4, "pad_token_id": 0}
    assert resized_generation_config(generation, config, PLAN) == expected


def test_the_size_and_the_ids_change_together() -> None:
    config = {"vocab_size": 12, "text_config": {"vocab_size": 12, "eos_token_id": 8}}
    assert resized_config(config, PLAN) == {"vocab_size": 8, "text_config": {"vocab_size": 8, "eos_token_id": 4}}
    assert config["vocab_size"] == 12


def test_the_files_of_a_trimmed_model_agree(tmp_path: Path) -> None:
    tensors = llama_tensors()
    source = save_model(tmp_path / "source", tensors, LLAMA | {"eos_token_id": 50, "bos_token_id": 2})
    (source / "generation_config.json").write_text('{"eos_token_id": [50, 60], "suppress_tokens": [98]}')
    kept = np.array([2, 50, 60, 61])
    plan = Plan(kept, 97, 100, 4, {"eos": 1})
    with staged_directory(tmp_path / "target") as out:
        write_checkpoint(open_checkpoint(source), plan, Initialization.shared(mean_row()), out)
    config = json.loads((tmp_path / "target" / "config.json").read_text())
    assert (config["eos_token_id"], config["bos_token_id"], config["vocab_size"]) == (1, 0, 4)
    assert json.loads((tmp_path / "target" / "generation_config.json").read_text()) == {"eos_token_id": [1, 2]}
    got = load_model(tmp_path / "target")
    assert all(got[name].tobytes() == tensors[name][kept].tobytes() for name in (INPUT, HEAD))
