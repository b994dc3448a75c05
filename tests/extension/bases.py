"""Small bases to extend: a trained byte-level tokenizer with random weights, and text to learn from."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from tests.checkpoint.models import Arrays, save_model, save_sharded
from tests.tokenizer_tools.toys import byte_level, english, korean
from vocabx.tokenizer_tools.read import FastSegmenter

__all__ = [
    "HEAD",
    "INPUT",
    "NORM",
    "SIZE",
    "Learning",
    "learning",
    "llama_config",
    "llama_tensors",
    "save_base",
    "save_tokenizer",
    "transformers_model",
    "write_texts",
]

INPUT, HEAD, NORM = "model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"
WIDTH, INNER, HEADS = 16, 24, 2
SIZE = 40
CHAT_TEMPLATE = "{% for message in messages %}<|end|>{{ message['role'] }}: {{ message['content'] }}{% endfor %}"

SIZES = {
    "hidden_size": WIDTH,
    "intermediate_size": INNER,
    "num_hidden_layers": 1,
    "num_attention_heads": HEADS,
    "num_key_value_heads": HEADS,
    "max_position_embeddings": 64,
    "initializer_range": 0.5,
}
GPT2_SIZES = {"n_embd": WIDTH, "n_layer": 1, "n_head": HEADS, "n_positions": 64, "initializer_range": 0.5}


class Learning(TypedDict):
    """What every extension of these tests learns from, and how much."""

    corpus: Path
    size: int
    source_sample: Path


def write_texts(directory: Path) -> tuple[Path, Path]:
    """Write a Korean corpus and an English sample."""
    corpus, sample = directory / "corpus.txt", directory / "sample.txt"
    corpus.write_text("\n".join(korean()) + "\n", encoding="utf-8")
    sample.write_text("\n".join(english()) + "\n", encoding="utf-8")
    return corpus, sample


def learning(directory: Path, size: int = SIZE) -> Learning:
    """Write the texts and name them as keywords of `extend`."""
    corpus, sample = write_texts(directory)
    return {"corpus": corpus, "size": size, "source_sample": sample}


def llama_config(rows: int, *, tied: bool = False, dtype: str = "float32", model_type: str = "llama") -> dict[str, Any]:
    """Return a config.json as transformers writes it."""
    name = {"llama": "Llama", "qwen2": "Qwen2"}[model_type]
    return {
        "model_type": model_type,
        "architectures": [f"{name}ForCausalLM"],
        "vocab_size": rows,
        "tie_word_embeddings": tied,
        "dtype": dtype,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "pad_token_id": 1,
        **SIZES,
    }


def llama_tensors(rows: int, *, tied: bool = False, model_type: str = "llama") -> Arrays:
    """Return all tensors of a decoder of one layer."""
    rng = np.random.default_rng(11)
    layer = "model.layers.0."
    shapes: dict[str, tuple[int, ...]] = {INPUT: (rows, WIDTH), NORM: (WIDTH,)}
    shapes |= {} if tied else {HEAD: (rows, WIDTH)}
    shapes |= {f"{layer}self_attn.{part}_proj.weight": (WIDTH, WIDTH) for part in "qkvo"}
    if model_type == "qwen2":
        shapes |= {f"{layer}self_attn.{part}_proj.bias": (WIDTH,) for part in "qkv"}
    shapes |= {f"{layer}mlp.{part}_proj.weight": (INNER, WIDTH) for part in ("gate", "up")}
    shapes |= {f"{layer}mlp.down_proj.weight": (WIDTH, INNER)}
    shapes |= {f"{layer}{part}_layernorm.weight": (WIDTH,) for part in ("input", "post_attention")}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


@cache
def _definition() -> str:
    return byte_level().backend.to_str()


def save_tokenizer(directory: Path, segmenter: FastSegmenter | None = None, **settings: Any) -> None:
    """Write tokenizer.json and tokenizer_config.json."""
    segmenter = segmenter or byte_level()
    directory.mkdir(parents=True, exist_ok=True)
    segmenter.backend.save(str(directory / "tokenizer.json"))
    roles = {f"{role}_token": segmenter.tokens.pieces[token] for role, token in segmenter.roles.items()}
    known = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 64, **roles, **settings}
    (directory / "tokenizer_config.json").write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")


def save_base(
    directory: Path,
    *,
    padding: int = 0,
    tied: bool = False,
    dtype: Any = "float32",
    shards: bool = False,
    model_type: str = "llama",
) -> Path:
    """Write a Llama of one layer with its tokenizer, without torch; `padding` rows lie beyond the tokenizer."""
    rows = len(byte_level().tokens) + padding
    config = llama_config(rows, tied=tied, dtype=np.dtype(dtype).name, model_type=model_type)
    tensors = llama_tensors(rows, tied=tied, model_type=model_type)
    stored = {name: tensor.astype(dtype) for name, tensor in tensors.items()}
    save_tokenizer(directory)
    if not shards:
        return save_model(directory, stored, config)
    last = {name: stored.pop(name) for name in (HEAD, NORM) if name in stored}
    first = {INPUT: stored.pop(INPUT)}
    names = [f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)]
    return save_sharded(directory, dict(zip(names, (first, stored, last), strict=True)), config)


def transformers_model(family: str, rows: int, dtype: str = "float32", **config: Any) -> Any:
    """Make a random model of any family with transformers; an output bias is random as well."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    sizes = GPT2_SIZES if family == "gpt2" else SIZES
    ids = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 1}
    made = AutoConfig.for_model(family, vocab_size=rows, **sizes, **ids, **config)
    model = AutoModelForCausalLM.from_config(made).to(getattr(torch, dtype))
    bias = getattr(model.get_output_embeddings(), "bias", None)
    if bias is not None:
        torch.nn.init.normal_(bias)
    return model.eval()
