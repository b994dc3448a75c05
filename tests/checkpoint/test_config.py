from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.checkpoint.models import PLAN
from vocabx.checkpoint.config import (
    configured_tie,
    read_json,
    resized_config,
    resized_generation_config,
    spell_like,
    vocabulary_size,
)
from vocabx.core.errors import CheckpointError
from vocabx.core.plan import Plan

PADDING = [107, 108, 109, 110, 111]
FULL = Plan.appending(97, 15, 100, 112, {})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"b": 1, "vocab_size": 100, "a": 2}, {"b": 1, "vocab_size": 112, "a": 2}),
        ({"text_config": {"vocab_size": 100}}, {"text_config": {"vocab_size": 112}}),
        ({"text_config": {}}, {"text_config": {"vocab_size": 112}}),
        (
            {"vocab_size": 100, "text_config": {"vocab_size": 100}},
            {"vocab_size": 112, "text_config": {"vocab_size": 112}},
        ),
        (
            {"vocab_size": 7, "text_config": {"vocab_size": 100}},
            {"vocab_size": 7, "text_config": {"vocab_size": 112}},
        ),
        (
            {"model_type": "marian", "vocab_size": 100, "decoder_vocab_size": 100},
            {"model_type": "marian", "vocab_size": 112, "decoder_vocab_size": 112},
        ),
        (
            {"model_type": "gemma4", "text_config": {"vocab_size": 100, "vocab_size_per_layer_input": 100}},
            {"model_type": "gemma4", "text_config": {"vocab_size": 112, "vocab_size_per_layer_input": 112}},
        ),
        (
            {"model_type": "qwen2_5_omni", "thinker_config": {"text_config": {"vocab_size": 100}}},
            {"model_type": "qwen2_5_omni", "thinker_config": {"text_config": {"vocab_size": 112}}},
        ),
        (
            {"model_type": "t5gemma", "encoder": {"vocab_size": 100}, "decoder": {"vocab_size": 100}},
            {"model_type": "t5gemma", "encoder": {"vocab_size": 112}, "decoder": {"vocab_size": 112}},
        ),
    ],
)
def test_only_the_number_of_rows_changes(before: dict[str, Any], after: dict[str, Any]) -> None:
    resized = resized_config(before, PLAN)
    assert resized == after
    assert list(resized) == list(before)


def test_the_size_of_the_text_part_counts() -> None:
    assert vocabulary_size({"vocab_size": 7, "text_config": {"vocab_size": 100}}) == 100
    assert vocabulary_size({"vocab_size": 7, "text_config": {}}) == 7
    assert vocabulary_size({"model_type": "llama"}) is None


@pytest.mark.parametrize(
    ("config", "tied"),
    [
        ({}, None),
        ({"tie_word_embeddings": False}, False),
        ({"text_config": {"tie_word_embeddings": True}}, True),
        ({"tie_word_embeddings": False, "text_config": {"tie_word_embeddings": True}}, False),
    ],
)
def test_the_top_of_the_configuration_ties_first(config: dict[str, Any], tied: bool | None) -> None:
    assert configured_tie(config) is tied


@pytest.mark.parametrize(
    ("before", "plan", "after"),
    [
        (None, FULL, None),
        (None, PLAN, {"eos_token_id": 2, "suppress_tokens": PADDING}),
        ({"top_p": 0.9}, FULL, {"top_p": 0.9}),
        ({"top_p": 0.9}, PLAN, {"top_p": 0.9, "suppress_tokens": PADDING}),
        ({"suppress_tokens": None}, FULL, {"suppress_tokens": None}),
        ({"suppress_tokens": [98, 5]}, PLAN, {"suppress_tokens": [5, *PADDING]}),
        ({"suppress_tokens": [97, 98, 99]}, FULL, {}),
        ({"suppress_tokens": [5, 200]}, FULL, {"suppress_tokens": [5]}),
    ],
)
def test_padding_is_suppressed_and_tokens_are_not(before: Any, plan: Plan, after: Any) -> None:
    config = {"eos_token_id": 2, "pad_token_id": None, "vocab_size": 100}
    assert resized_generation_config(before, config, plan) == after


@pytest.mark.parametrize("text", ['{\n  "a": "\\ud55c"\n}\n', '{\n  "a": "한"\n}', "{}\n"])
def test_json_is_spelled_as_it_was(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text, encoding="utf-8")
    assert spell_like(read_json(path), path) == text


def test_an_unreadable_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_json(tmp_path / "nothing.json")
