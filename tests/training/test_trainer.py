"""The Trainer of a stage: what it is told, and the loss of masked models."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tests.training.test_groups import seeing_model
from vocabx.training.recipes.recipe import Stage
from vocabx.training.settings import TrainingSettings
from vocabx.training.trainer import StageData, _arguments, make_trainer, masked_cross_entropy

pytestmark = pytest.mark.torch


def test_one_process_reads_one_batch_however_many_gpus_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    import transformers

    class TwoGpus(transformers.TrainingArguments):  # type: ignore[misc]
        @cached_property
        def _setup_devices(self) -> Any:
            self._n_gpu = 2
            return torch.device("cpu")

    monkeypatch.setattr(transformers, "TrainingArguments", TwoGpus)
    stage, settings = Stage("all", ("everything",), 1.0, 1e-3), TrainingSettings(batch_size=4, cpu=True)
    assert _arguments(stage, 10, 5, settings, tmp_path).train_batch_size == 4


def test_no_model_trains_with_a_cache_for_then_documents_would_not_be_kept_apart(tmp_path: Path) -> None:
    model, stage = seeing_model(), Stage("all", ("everything",), 1.0, 1e-3)
    assert model.config.get_text_config() is not model.config
    data, settings = StageData(None, 0, 8), TrainingSettings(cpu=True)
    make_trainer(model, stage, 1, 1, 1, data, None, "causal", settings, tmp_path, [])
    assert not model.config.get_text_config().use_cache


def test_text_in_which_nothing_can_be_hidden_costs_nothing() -> None:
    import torch

    logits = torch.randn(2, 3, 5, requires_grad=True)
    loss = masked_cross_entropy({"logits": logits}, torch.full((2, 3), -100), torch.tensor(0))
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert not logits.grad.any()
