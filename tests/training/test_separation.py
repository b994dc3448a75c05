from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.training.tokens import held_store
from vocabx.training.sequences.packing import PackedSequences, pack
from vocabx.training.sequences.separation import PackedCollator, Separation, find_separation

pytestmark = pytest.mark.torch

VOCABULARY, LENGTH = 40, 12
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
MLP = {"intermediate_size": 32, "initializer_range": 0.5}
GROUPED = {**SMALL, **MLP, "num_key_value_heads": 1, "head_dim": 8}
NO_ROLES = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
MODELS: dict[str, dict[str, Any]] = {
    "llama": {**SMALL, **MLP},
    "gemma3_text": {**GROUPED, "sliding_window": 3, "layer_types": ["sliding_attention", "full_attention"]},
    "mistral": {**GROUPED, "sliding_window": 3},
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "initializer_range": 0.5},
    "opt": {**SMALL, "ffn_dim": 32, "word_embed_proj_dim": 16, "init_std": 0.5},
    "falcon": {**SMALL, "initializer_range": 0.5},
    "biogpt": {**SMALL, **MLP},
    "mpt": {"d_model": 16, "n_layers": 2, "n_heads": 2, "initializer_range": 0.5},
    "bloom": {"hidden_size": 16, "n_layer": 2, "n_head": 2, "initializer_range": 0.5},
    "jamba": {**SMALL, **MLP, "num_key_value_heads": 1, "attn_layer_period": 2, "attn_layer_offset": 1}
    | {"mamba_dt_rank": 4, "num_experts": 2},
}
KNOWN = {
    **dict.fromkeys(("llama", "gemma3_text", "mistral", "gpt2"), Separation.POSITIONS),
    **dict.fromkeys(("opt", "falcon", "biogpt", "mpt"), Separation.MASK),
    **dict.fromkeys(("bloom", "jamba"), Separation.NONE),
}


def small_model(kind: str, attention: str = "eager") -> Any:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, vocab_size=VOCABULARY, **NO_ROLES, **MODELS[kind])
    return AutoModelForCausalLM.from_config(config, attn_implementation=attention).eval()


def some_sequences() -> PackedSequences:
    generator = np.random.default_rng(0)
    documents = [generator.integers(VOCABULARY, size=size).tolist() for size in (5, 1, 9, 30, 2, 1)]
    return pack(held_store(documents), LENGTH, 4, 0)


def farthest(model: Any, collator: PackedCollator) -> float:
    """Return how far logits of packed sequences are from those of their documents, each read alone."""
    import torch

    packed = some_sequences()
    sequences = [packed[index] for index in range(len(packed))]
    with torch.no_grad():
        together = model(**collator(sequences), use_cache=False).logits.reshape(len(sequences), LENGTH, -1)
        gaps = []
        for row, sequence in enumerate(sequences):
            borders = [*np.flatnonzero(sequence["position_ids"] == 0).tolist(), LENGTH]
            for begin, end in pairwise(borders):
                alone = model(input_ids=torch.from_numpy(sequence["input_ids"][None, begin:end])).logits[0]
                gaps.append(float((together[row, begin:end] - alone).abs().max()))
    assert len(gaps) > len(sequences)
    return max(gaps)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("kind", [kind for kind, known in KNOWN.items() if known is not Separation.NONE])
def test_packed_documents_are_read_as_if_each_were_alone(kind: str, attention: str) -> None:
    if (kind, attention) == ("mpt", "sdpa"):
        pytest.skip("transformers has none")
    model = small_model(kind, attention)
    collator = find_separation(model)
    assert collator.separation is KNOWN[kind]
    assert collator.note is None
    assert farthest(model, collator) < 1e-5
    assert farthest(model, PackedCollator(Separation.NONE, collator.takes_positions)) < 1e-5 or (
        collator.separation is not Separation.POSITIONS
    )


@pytest.mark.parametrize("kind", [kind for kind, known in KNOWN.items() if known is Separation.NONE])
def test_it_is_said_of_a_model_that_cannot_keep_documents_apart(kind: str) -> None:
    model = small_model(kind)
    collator = find_separation(model)
    assert collator.separation is Separation.NONE
    assert "each is read after those before it" in (collator.note or "")
    assert farthest(model, collator) > 1e-3


@pytest.mark.parametrize("separation", [Separation.ROW, Separation.MASK])
def test_any_way_that_a_model_can_be_told_gives_the_same(separation: Separation) -> None:
    assert farthest(small_model("llama", "sdpa"), PackedCollator(separation)) < 1e-5


def test_one_row_is_found_for_a_model_that_parts_documents_in_no_larger_batch() -> None:
    model = small_model("llama")
    forward = type(model).forward

    def only_rows(input_ids: Any, position_ids: Any = None, **rest: Any) -> Any:
        positions = position_ids if len(input_ids) == 1 else None
        return forward(model, input_ids=input_ids, position_ids=positions, **rest)

    model.forward = only_rows
    assert find_separation(model).separation is Separation.ROW


def test_the_loss_of_a_batch_is_the_mean_over_what_is_predicted_within_documents() -> None:
    import torch

    model, packed = small_model("llama"), some_sequences()
    sequences = [packed[index] for index in range(4)]
    wanted, count = 0.0, 0
    for sequence in sequences:
        borders = [*np.flatnonzero(sequence["position_ids"] == 0).tolist(), LENGTH]
        for begin, end in pairwise(borders):
            if end - begin > 1:
                ids = torch.from_numpy(sequence["input_ids"][None, begin:end])
                with torch.no_grad():
                    wanted += float(model(input_ids=ids, labels=ids).loss) * (end - begin - 1)
                count += end - begin - 1
    for separation in (Separation.POSITIONS, Separation.ROW, Separation.MASK):
        batch = PackedCollator(separation)(sequences)
        with torch.no_grad():
            loss = float(model(**batch, use_cache=False).loss)
        assert loss == pytest.approx(wanted / count, rel=1e-5)


def test_trying_leaves_the_model_as_it_was() -> None:
    model = small_model("gpt2").train()
    before = {name: values.clone() for name, values in model.state_dict().items()}
    find_separation(model)
    assert model.training
    assert all((values == before[name]).all() for name, values in model.state_dict().items())
