"""Small random models of many families with a tokenizer, saved as transformers saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.extension.bases import CHAT_TEMPLATE, save_tokenizer
from tests.tokenizer_tools.toys import byte_level

__all__ = ["FAMILIES", "PADDING", "TOKENS", "bits", "load", "save_family", "settings_of", "sizes_of"]

TOKENS, PADDING = len(byte_level().tokens), 5
IDS = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 1}
DECODER = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "initializer_range": 0.5,
    **IDS,
}
ENCODER = {name: size for name, size in DECODER.items() if name not in ("num_key_value_heads", "head_dim")}
STARTS = {"decoder_start_token_id": 1, "is_encoder_decoder": True}
T5 = {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 1, "num_heads": 2, "pad_token_id": 1, "eos_token_id": 0}
BART = {
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 24,
    "max_position_embeddings": 64,
    "forced_eos_token_id": 0,
    "init_std": 0.5,
    **IDS,
}
TIED, UNTIED = {"tie_word_embeddings": True}, {"tie_word_embeddings": False}

FAMILIES: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "llama": ("llama", "CausalLM", "bfloat16", {**DECODER, **UNTIED}),
    "llama, tied": ("llama", "CausalLM", "float16", {**DECODER, **TIED}),
    "qwen2": ("qwen2", "CausalLM", "float32", {**DECODER, **TIED}),
    "qwen3": ("qwen3", "CausalLM", "bfloat16", {**DECODER, **TIED}),
    "mistral": ("mistral", "CausalLM", "float32", {**DECODER, **UNTIED}),
    "gemma2": ("gemma2", "CausalLM", "bfloat16", DECODER),
    "gemma3_text": ("gemma3_text", "CausalLM", "bfloat16", DECODER),
    "gpt2": ("gpt2", "CausalLM", "float32", {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 64, **IDS}),
    "gpt_neox": ("gpt_neox", "CausalLM", "float32", {**ENCODER, **UNTIED}),
    "phi": ("phi", "CausalLM", "bfloat16", {**ENCODER, "num_key_value_heads": 2}),
    "opt": ("opt", "CausalLM", "float32", {**ENCODER, "word_embed_proj_dim": 16, "ffn_dim": 24}),
    "bert": ("bert", "MaskedLM", "float32", ENCODER),
    "roberta": ("roberta", "MaskedLM", "float32", ENCODER),
    "t5": ("t5", "Seq2SeqLM", "float32", {**T5, **STARTS}),
    "t5, untied": ("t5", "Seq2SeqLM", "float32", {**T5, **STARTS, **UNTIED}),
    "bart": ("bart", "Seq2SeqLM", "float32", {**BART, **STARTS}),
}
"""Model type, kind of head, stored type and configuration."""


def _auto_class(kind: str) -> Any:
    import transformers

    return getattr(transformers, f"AutoModelFor{kind}")


def save_family(directory: Path, name: str, padding: int = PADDING) -> Path:
    """Write a random model whose biases are not zero, and a tokenizer with `padding` ids fewer than it has rows."""
    import torch
    from transformers import AutoConfig

    model_type, kind, dtype, config = FAMILIES[name]
    torch.manual_seed(0)
    made = AutoConfig.for_model(model_type, vocab_size=TOKENS + padding, **config)
    model = _auto_class(kind).from_config(made).to(getattr(torch, dtype))
    with torch.no_grad():
        for tensor in model.state_dict(keep_vars=True).values():
            if tensor.shape in ((TOKENS + padding,), (1, TOKENS + padding)):
                tensor.normal_()
    if model.can_generate():
        model.generation_config.suppress_tokens = [2, *range(TOKENS, TOKENS + padding)]
    model.save_pretrained(directory)
    save_tokenizer(directory, chat_template=CHAT_TEMPLATE)
    return directory


def load(directory: Path, name: str) -> tuple[Any, Any]:
    """Open a model in its own type, and its tokenizer."""
    from transformers import AutoTokenizer

    model = _auto_class(FAMILIES[name][1]).from_pretrained(directory, dtype="auto")
    return model, AutoTokenizer.from_pretrained(directory)


def bits(model: Any) -> dict[str, tuple[Any, bytes]]:
    """Type, shape and bytes of every tensor."""
    import torch

    tensors = {name: tensor.detach().contiguous() for name, tensor in model.state_dict().items()}
    return {
        name: ((tensor.dtype, tuple(tensor.shape)), tensor.view(torch.uint8).numpy().tobytes())
        for name, tensor in tensors.items()
    }


def settings_of(model: Any) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Both configurations, without where they are from."""
    own = {name: value for name, value in model.config.to_dict().items() if name != "_name_or_path"}
    generation = getattr(model, "generation_config", None)
    return own, None if generation is None else {
        name: value
        for name, value in generation.to_dict().items()
        if name not in ("_from_model_config", "transformers_version")
    }


def sizes_of(model: Any) -> dict[str, Any]:
    """What modules say of their sizes, which tensors are shared, and which are trained."""
    names = ("num_embeddings", "embedding_dim", "padding_idx", "in_features", "out_features", "vocab_size")
    modules = {
        path: {name: getattr(module, name) for name in names if hasattr(module, name)}
        for path, module in model.named_modules()
    }
    first: dict[int, str] = {}
    stored = model.state_dict(keep_vars=True)
    shared = {name: first.setdefault(id(tensor), name) for name, tensor in stored.items()}
    trained = {name: tensor.requires_grad for name, tensor in stored.items()}
    configs = {
        path: module.config.vocab_size
        for path, module in model.named_modules()
        if hasattr(module, "config") and hasattr(module.config, "vocab_size")
    }
    return {"modules": modules, "shared": shared, "trained": trained, "configs": configs}
