"""What `vocabx verify` makes of models that are no plain decoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import vocabx
from tests.extension.bases import save_tokenizer
from tests.in_memory.families import TOKENS, save_family
from vocabx.verification.finding import Status

pytestmark = pytest.mark.torch

STACKS = {
    f"{side}_{name}": size
    for side in ("encoder", "decoder")
    for name, size in (("layers", 1), ("attention_heads", 2), ("ffn_dim", 24))
}


@pytest.mark.parametrize("family", ["t5", "bart"])
def test_an_encoder_decoder_that_is_sound_passes(family: str, tmp_path: Path) -> None:
    base = save_family(tmp_path / "base", family)
    text = tmp_path / "text.txt"
    text.write_text("한국어는 아름다운 언어이다\n나는 한국어를 배운다\n" * 30, encoding="utf-8")
    vocabx.extend(base, text, tmp_path / "out", size=12, minimum_frequency=2)
    found = {finding.name: finding for finding in vocabx.verify(tmp_path / "out", base=base).findings}
    assert not [finding for finding in found.values() if finding.status is Status.FAIL]
    for name in ("AutoModel opens it and computes", "kept tokens compute as in the base"):
        assert found[name].status is Status.PASS, found[name]


@pytest.mark.parametrize("kind", ["marian", "discriminator"])
def test_other_kinds_are_opened_and_computed_with(kind: str, tmp_path: Path) -> None:
    base, text = tmp_path / "base", tmp_path / "text.txt"
    text.write_text("한국어는 아름다운 언어이다\n나는 한국어를 배운다\n" * 30, encoding="utf-8")
    _save(base, kind)
    vocabx.extend(base, text, tmp_path / "out", size=12, minimum_frequency=2)
    findings = vocabx.verify(tmp_path / "out", base=base).findings
    assert not [finding for finding in findings if finding.status is Status.FAIL]


def _save(directory: Path, kind: str) -> None:
    import torch
    import transformers

    torch.manual_seed(0)
    sizes = {"vocab_size": TOKENS, "pad_token_id": 1, "eos_token_id": 0}
    model: Any
    if kind == "marian":
        config = transformers.MarianConfig(
            **sizes, **STACKS, d_model=16, decoder_start_token_id=1, forced_eos_token_id=0, is_encoder_decoder=True
        )
        model = transformers.MarianMTModel(config)
    else:
        small = {"embedding_size": 16, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
        model = transformers.ElectraForPreTraining(transformers.ElectraConfig(**sizes, **small, intermediate_size=24))
    model.save_pretrained(directory)
    save_tokenizer(directory)
