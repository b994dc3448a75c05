"""Masked models: their states are distilled, and nothing of what they predict."""

from __future__ import annotations

from pathlib import Path

import pytest

import vocabx
from tests.extension.bases import save_tokenizer
from tests.tokenizer_tools.toys import english, invented, wordpiece
from vocabx.core.errors import InputError
from vocabx.distillation import DistillationSettings, distill

pytestmark = pytest.mark.torch

SETTINGS = DistillationSettings(contexts=20, context_tokens=16, learning_rate=0.05, epochs=2)


@pytest.fixture(scope="module", params=["BertForMaskedLM", "BertModel"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a small BERT that was extended, its base and its corpus."""
    import torch
    import transformers

    root = tmp_path_factory.mktemp("encoder")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(wordpiece().tokens),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=64,
        initializer_range=0.1,
    )
    getattr(transformers, request.param)(config).save_pretrained(root / "base")
    save_tokenizer(root / "base", wordpiece())
    (root / "corpus.txt").write_text("\n".join(invented()), encoding="utf-8")
    (root / "sample.txt").write_text("\n".join(english()), encoding="utf-8")
    vocabx.extend(
        root / "base",
        root / "corpus.txt",
        root / "extended",
        size=40,
        source_sample=root / "sample.txt",
        scripts=(),
    )
    return root


def test_states_of_a_masked_model_come_nearer_to_the_teacher(place: Path, tmp_path: Path) -> None:
    result = distill(place / "extended", place / "corpus.txt", tmp_path / "out", settings=SETTINGS, base=place / "base")
    assert result.settings.objective == "hidden"
    assert result.trained > 10
    assert result.after.hidden_error < result.before.hidden_error
    assert result.after.bits_per_byte is None
    assert vocabx.verify(tmp_path / "out", place / "base", english(), after_training=True).passed


def test_what_a_masked_model_predicts_next_cannot_be_compared(place: Path, tmp_path: Path) -> None:
    settings = DistillationSettings(objective="both")
    with pytest.raises(InputError, match="is no causal model, and has no next token"):
        distill(place / "extended", place / "corpus.txt", tmp_path / "out", settings=settings, base=place / "base")
    with pytest.raises(InputError, match="name the base with --base"):
        distill(place / "extended", place / "corpus.txt", tmp_path / "out")
