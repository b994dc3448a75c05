"""Tiny random models with byte-level tokenizers, made in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["tiny_model", "tiny_tokenizer", "write_model"]

CONTEXT = 64


def tiny_tokenizer(words: Sequence[str] = (), **roles: str) -> Any:
    """Return a byte-level tokenizer of single bytes, two special tokens and added words."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: token for token, letter in enumerate([*letters, "<s>", "</s>", *words])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens(list(words))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **roles)


def tiny_model(vocabulary: int, seed: int = 0, architecture: str = "llama") -> Any:
    """Return a random decoder of two layers in evaluation mode."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    if architecture == "gpt2":
        config = GPT2Config(vocab_size=vocabulary, n_positions=CONTEXT, n_embd=16, n_layer=2, n_head=2)
        return GPT2LMHeadModel(config).eval()
    llama = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=CONTEXT,
        initializer_range=0.5,
    )
    return LlamaForCausalLM(llama).eval()


def write_model(directory: Path, model: Any, tokenizer: Any) -> Path:
    """Write both, as a user would find them."""
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory
