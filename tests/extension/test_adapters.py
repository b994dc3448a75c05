from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import vocabx
from tests.extension.bases import learning, save_base
from tests.in_memory.families import load, save_family
from vocabx.core.errors import InputError
from vocabx.directories import extend_tokenizer_only

MODULES = {
    "llama": ["embed_tokens", "lm_head"],
    "llama, tied": ["embed_tokens"],
    "gpt2": ["wte"],
    "bert": ["word_embeddings"],
}


@pytest.mark.torch
@pytest.mark.parametrize("family", MODULES)
def test_the_new_ids_are_given_by_module(family: str, tmp_path: Path) -> None:
    base = save_family(tmp_path / "base", family)
    plan = vocabx.extend(base, out=tmp_path / "out", **learning(tmp_path)).plan
    indices = vocabx.trainable_token_indices(tmp_path / "out")
    assert indices == dict.fromkeys(MODULES[family], plan.new_ids.tolist())
    model, _ = load(tmp_path / "out", family)
    for ending in indices:
        assert sum(f".{name}".endswith(f".{ending}") for name, _ in model.named_modules()) == 1


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore::FutureWarning")  # of transformers, about names that peft still uses
@pytest.mark.parametrize("family", ["llama", "llama, tied"])
def test_an_adapter_of_peft_trains_the_new_rows_alone(family: str, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    import torch

    base = save_family(tmp_path / "base", family)
    plan = vocabx.extend(base, out=tmp_path / "out", **learning(tmp_path)).plan
    model, _ = load(tmp_path / "out", family)
    model.float()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    indices = vocabx.trainable_token_indices(tmp_path / "out")
    adapted: Any = peft.get_peft_model(
        model, peft.LoraConfig(target_modules=["q_proj"], trainable_token_indices=indices)
    )
    optimizer = torch.optim.AdamW([each for each in adapted.parameters() if each.requires_grad], lr=0.1)
    ids = torch.from_numpy(plan.new_ids[:10])[None]
    adapted(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()
    after = adapted.merge_and_unload().state_dict()
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        changed = (after[name] != before[name]).any(dim=1).nonzero().flatten().tolist()
        assert changed
        assert set(changed) <= set(plan.new_ids.tolist())


def test_a_directory_without_new_rows_is_refused(tmp_path: Path) -> None:
    base, text = save_base(tmp_path / "base"), learning(tmp_path)
    with pytest.raises(InputError, match="vocabx did not write it"):
        vocabx.trainable_token_indices(base)
    extend_tokenizer_only(base, out=tmp_path / "tokenizer", **text)
    with pytest.raises(InputError, match="holds a tokenizer alone"):
        vocabx.trainable_token_indices(tmp_path / "tokenizer")
    vocabx.trim(base, text["source_sample"], tmp_path / "trimmed")
    with pytest.raises(InputError, match="has no new rows"):
        vocabx.trainable_token_indices(tmp_path / "trimmed")
    vocabx.extend(base, out=tmp_path / "factors", factorization=vocabx.Factorization(rank=4), **text)
    with pytest.raises(InputError, match="factorised embeddings"):
        vocabx.trainable_token_indices(tmp_path / "factors")
