"""Small random models of several families, and where each keeps what recipes speak of, written out by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["FAMILIES", "LAYERS", "NEW_IDS", "ROWS", "WIDTH", "Family", "batch", "bits", "make", "step"]

ROWS, WIDTH, LAYERS = 40, 16, 5
NEW_IDS = np.array([33, 7, 34, 35, 9])
"""New tokens: some in slots that were kept free, in no order; the rows behind 35 are padding."""

SIZES = {
    "vocab_size": ROWS,
    "hidden_size": WIDTH,
    "intermediate_size": 24,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 1,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
DECODER = {**SIZES, "num_key_value_heads": 2, "head_dim": 8}
GPT2 = {
    "vocab_size": ROWS,
    "n_embd": WIDTH,
    "n_layer": LAYERS,
    "n_head": 2,
    "n_positions": 64,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
NO_DROPOUT = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
GATED = (*(f"self_attn.{name}_proj" for name in "qkvo"), "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")
OF_BERT = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
           "intermediate.dense", "output.dense")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Family:
    """A model type, its settings, and names: of its layers, its input, its head, its bias and its linear layers."""

    kind: str
    auto: str
    settings: dict[str, Any]
    layers: str
    input: str
    head: str
    bias: str | None
    linear: tuple[str, ...]
    linear_outside: tuple[str, ...] = ()

    @property
    def tied(self) -> bool:
        """Whether the head is the input."""
        return self.head == self.input


LLAMA = ("model.layers", "model.embed_tokens.weight")
TIED, UNTIED = {"tie_word_embeddings": True}, {"tie_word_embeddings": False}
FAMILIES = {
    "llama": Family("llama", "CausalLM", DECODER | UNTIED, *LLAMA, "lm_head.weight", None, GATED),
    "gpt2": Family(
        "gpt2", "CausalLM", GPT2 | NO_DROPOUT, "transformer.h", "transformer.wte.weight", "transformer.wte.weight",
        None, ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"),
    ),
    "gemma3_text": Family("gemma3_text", "CausalLM", DECODER | TIED, *LLAMA, LLAMA[1], None, GATED),
    "qwen2": Family("qwen2", "CausalLM", DECODER | TIED, *LLAMA, LLAMA[1], None, GATED),
    "mistral": Family("mistral", "CausalLM", DECODER | UNTIED, *LLAMA, "lm_head.weight", None, GATED),
    "gpt_neox": Family(
        "gpt_neox", "CausalLM", SIZES | UNTIED, "gpt_neox.layers", "gpt_neox.embed_in.weight", "lm_head.weight", None,
        ("attention.query_key_value", "attention.dense", "mlp.dense_h_to_4h", "mlp.dense_4h_to_h"),
    ),
    "bert": Family(
        "bert", "MaskedLM", SIZES, "bert.encoder.layer", "bert.embeddings.word_embeddings.weight",
        "bert.embeddings.word_embeddings.weight", "cls.predictions.bias", OF_BERT, ("cls.predictions.transform.dense",),
    ),
    "roberta": Family(
        "roberta", "MaskedLM", SIZES, "roberta.encoder.layer", "roberta.embeddings.word_embeddings.weight",
        "roberta.embeddings.word_embeddings.weight", "lm_head.bias", OF_BERT, ("lm_head.dense",),
    ),
}  # fmt: skip


def make(name: str) -> Any:
    """Make a model all of whose numbers are random."""
    import torch
    import transformers

    family = FAMILIES[name]
    config = transformers.AutoConfig.for_model(family.kind, **family.settings)
    model = getattr(transformers, f"AutoModelFor{family.auto}").from_config(config)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3, generator=generator)
    return model.eval()


def bits(model: Any) -> dict[str, bytes]:
    """Bytes of every tensor."""
    return {name: tensor.detach().contiguous().numpy().tobytes() for name, tensor in model.state_dict().items()}


def batch(seed: int = 0) -> Any:
    """Make rows of ids that hold every token but the padding token, and rows of the matrix without a token."""
    import torch

    ids = np.random.default_rng(seed).permutation(np.r_[2:36, 2:36, NEW_IDS, NEW_IDS, 2:8]).reshape(4, -1)
    return torch.from_numpy(ids)


def step(model: Any, optimizer: Any, seed: int = 0) -> float:
    """Train on one batch, and return the loss."""
    ids = batch(seed)
    optimizer.zero_grad()
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    optimizer.step()
    return float(loss.detach())
