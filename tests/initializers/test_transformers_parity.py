"""Rows as `resize_token_embeddings` of transformers draws them, from the same distribution."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.strategies import table
from tests.tokenizer_tools.toys import of_merges
from tests.transfers import transfer
from vocabx.initializers.table import INITIALIZERS

pytestmark = pytest.mark.torch

DIMENSIONS, NEW = 8, 6000


def source_rows(count: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(4)
    mixing = rng.normal(size=(DIMENSIONS, DIMENSIONS)) * np.arange(1, DIMENSIONS + 1)
    return (1000 * rng.normal(size=(count, DIMENSIONS)) @ mixing).astype(np.float32)


def resized_by_transformers(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    import torch
    from transformers import LlamaConfig, LlamaModel

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(rows), hidden_size=DIMENSIONS, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2
    )
    model = LlamaModel(config)
    model.get_input_embeddings().weight.data = torch.from_numpy(rows)
    model.resize_token_embeddings(len(rows) + NEW, mean_resizing=True)
    return np.asarray(model.get_input_embeddings().weight.detach().numpy()[len(rows) :], np.float64)


def test_hewitts_rows_have_the_mean_and_the_covariance_that_transformers_gives_them() -> None:
    source = of_merges(("a", "b"))
    tokens = len(source.tokens)
    rows = source_rows(tokens)
    new = table([b"%d" % number for number in range(NEW)])
    initialization = INITIALIZERS["hewitt"].load().initialize(transfer(source, new, np.ones(tokens, np.bool_)))
    ours = np.concatenate(list(initialization.input.blocks(rows))).astype(np.float64)
    theirs = resized_by_transformers(rows)
    deviation = np.sqrt(1e-9) * rows.astype(np.float64).std(axis=0)
    assert (np.abs(ours.mean(axis=0) - theirs.mean(axis=0)) < 6 * deviation / np.sqrt(NEW / 2)).all()
    expected = 1e-9 * np.cov(rows.T.astype(np.float64), bias=True)
    for drawn in (ours, theirs):
        scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
        assert (np.abs(np.cov(drawn.T) - expected) / scale).max() < 0.08
