"""Models that read from left to right are told from those that do not."""

from __future__ import annotations

import pytest

from tests.eval.encoders import tiny_encoder
from tests.training.test_separation import MODELS, small_model
from vocabx.core.errors import CheckpointError
from vocabx.training.model.direction import check_left_to_right

pytestmark = pytest.mark.torch


@pytest.mark.parametrize("kind", MODELS)
def test_a_causal_model_of_any_family_passes_and_stays_as_it_was(kind: str) -> None:
    model = small_model(kind).train()
    check_left_to_right(model)
    assert model.training


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_an_encoder_does_not_unless_it_is_made_a_decoder(kind: str) -> None:
    from transformers import AutoModelForCausalLM

    config = tiny_encoder(kind).model.config
    for is_decoder in (False, True):
        config.is_decoder = is_decoder
        model = AutoModelForCausalLM.from_config(config)
        if is_decoder:
            check_left_to_right(model)
        else:
            with pytest.raises(CheckpointError, match="reads its text in both directions"):
                check_left_to_right(model)
