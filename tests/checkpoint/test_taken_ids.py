"""Ids in the settings that new tokens must not take."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vocabx.checkpoint.taken_ids import check_not_taken
from vocabx.core.errors import CheckpointError

TOKENS, NEW_IDS = 100, np.array([7, 100, 101, 102])
"""A reserved slot, and three ids after the last."""


@pytest.mark.parametrize(
    ("file", "settings", "match"),
    [
        ("config.json", {"pad_token_id": 100}, "config.json gives pad_token_id as id 100, which is none of the "),
        ("config.json", {"eos_token_id": [3, 102]}, "eos_token_id as id 102, .* tokenizer's 100 tokens"),
        ("config.json", {"text_config": {"bos_token_id": 101}, "model_type": "gemma3"}, "bos_token_id as id 101"),
        ("config.json", {"suppress_tokens": [1, 100]}, "suppress_tokens as id 100"),
        ("config.json", {"pad_token_id": 7}, "a reserved slot .* leave out --reuse-reserved"),
        ("generation", {"decoder_start_token_id": 100}, "generation_config.json gives decoder_start_token_id as id"),
        ("generation", {"forced_decoder_ids": [[100, 2], [1, 101]]}, "forced_decoder_ids as id 101"),
        ("generation", {"bad_words_ids": [[5], [4, 100]]}, "bad_words_ids as id 100"),
        ("generation", {"begin_suppress_tokens": [100]}, "begin_suppress_tokens as id 100"),
    ],
)
def test_an_id_that_a_new_token_would_take_is_refused(file: str, settings: dict[str, Any], match: str) -> None:
    config, generation = (settings, None) if file == "config.json" else ({}, settings)
    with pytest.raises(CheckpointError, match=match):
        check_not_taken(config, generation, TOKENS, NEW_IDS)


@pytest.mark.parametrize(
    "config",
    [
        {"pad_token_id": 103},  # stays padding
        {"pad_token_id": -1, "image_token_index": -200, "eos_token_id": None},
        {"pad_token_id": 99, "eos_token_id": [0, 8]},
        {"vocab_size": 101, "num_pad_tokens": 100, "hidden_size": 100},
    ],
)
def test_other_ids_are_left_alone(config: dict[str, Any]) -> None:
    check_not_taken(config, config, TOKENS, NEW_IDS)


def test_suppressed_padding_may_become_tokens() -> None:
    check_not_taken({}, {"suppress_tokens": [100, 101, 7]}, TOKENS, NEW_IDS)
