"""Inputs of `benchmark_checkpoint`: a sharded Llama checkpoint of drawn weights, and tokenizers to extend it with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from tests.benchmarks.initializer_inputs import KOREAN, LLAMA3
from vocabx.checkpoint.safetensors_file import TensorEntry, encode_header

__all__ = ["ROWS", "build_checkpoint", "build_corpus", "build_donor", "build_tokenizer", "dimensions_of"]

ROWS = 128_256
LARGEST_SHARD = 5_000_000_000
FEWEST_SHARDS = 4
NUMBERS_AT_ONCE = 1 << 22
CORPUS_LINES = 2_000

Shape = tuple[int, ...]


def dimensions_of(gigabytes: float) -> int:
    """Choose the width: that of Llama 3 8B, or a quarter of it where its two embeddings alone would take too much."""
    return 4_096 if gigabytes >= 3 else 1_024


def build_checkpoint(directory: Path, gigabytes: float, dimensions: int, largest_shard: int = LARGEST_SHARD) -> None:
    """Write config, index and shards, every byte drawn, with names and shapes as in Llama 3."""
    directory.mkdir()
    shapes = dict(_tensors(gigabytes * 1e9, dimensions))
    filled = _shards(shapes, largest_shard)
    names = [f"model-{number:05d}-of-{len(filled):05d}.safetensors" for number in range(1, len(filled) + 1)]
    draw = np.random.Generator(np.random.SFC64(0))
    for name, shard in zip(names, filled, strict=True):
        _write_shard(directory / name, shard, draw)
    weight_map = {tensor: name for name, shard in zip(names, filled, strict=True) for tensor in shard}
    index = {"metadata": {"total_size": sum(map(_size, shapes.values()))}, "weight_map": weight_map}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))
    layers = sum(name.endswith("input_layernorm.weight") for name in shapes)
    (directory / "config.json").write_text(json.dumps(_config(dimensions, layers), indent=2))
    if LLAMA3.is_dir():
        shutil.copytree(LLAMA3, directory, dirs_exist_ok=True)


def build_tokenizer(directory: Path, size: int) -> None:
    """Train a Korean tokenizer of the same kind, whose tokens are ready to be taken over."""
    from transformers import AutoTokenizer

    with KOREAN.open(encoding="utf-8") as lines:
        AutoTokenizer.from_pretrained(LLAMA3).train_new_from_iterator(lines, vocab_size=size).save_pretrained(directory)


def build_corpus(path: Path) -> None:
    """Write the text that the new tokens are proved with."""
    with KOREAN.open(encoding="utf-8") as lines:
        path.write_text("".join(line for line, _ in zip(lines, range(CORPUS_LINES), strict=False)), encoding="utf-8")


def build_donor(directory: Path, tokenizer: Path, dimensions: int) -> None:
    """Write a model of one layer for the tokenizer, because some programs take tokens from models only."""
    shutil.copytree(tokenizer, directory)
    from transformers import AutoTokenizer

    rows = len(AutoTokenizer.from_pretrained(tokenizer))
    shapes = {name: (rows, *shape[1:]) if shape[0] == ROWS else shape for name, shape in _tensors(0, dimensions)}
    _write_shard(directory / "model.safetensors", shapes, np.random.Generator(np.random.SFC64(1)))
    (directory / "config.json").write_text(json.dumps({**_config(dimensions, 1), "vocab_size": rows}))


def _config(dimensions: int, layers: int) -> Mapping[str, object]:
    return {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "vocab_size": ROWS,
        "hidden_size": dimensions,
        "intermediate_size": dimensions * 7 // 2,
        "num_hidden_layers": layers,
        "num_attention_heads": dimensions // 128,
        "num_key_value_heads": dimensions // 512,
        "head_dim": 128,
        "tie_word_embeddings": False,
        "dtype": "bfloat16",
        "bos_token_id": 128_000,
        "eos_token_id": 128_001,
    }


def _tensors(size: float, dimensions: int) -> Iterator[tuple[str, Shape]]:
    """Yield names and shapes up to a number of bytes; there is at least one layer."""
    matrix, inner, narrow = (ROWS, dimensions), dimensions * 7 // 2, dimensions // 4
    yield "model.embed_tokens.weight", matrix
    left = size - 2 * _size(matrix)
    layer = 0
    while layer == 0 or left >= _size((dimensions, 3 * inner)):
        prefix = f"model.layers.{layer}."
        shapes: dict[str, Shape] = {f"self_attn.{name}_proj": (dimensions, dimensions) for name in "qo"}
        shapes |= {f"self_attn.{name}_proj": (narrow, dimensions) for name in "kv"}
        shapes |= {f"mlp.{name}_proj": (inner, dimensions) for name in ("gate", "up")}
        shapes |= {"mlp.down_proj": (dimensions, inner)}
        shapes |= {f"{name}_layernorm": (dimensions,) for name in ("input", "post_attention")}
        for name, shape in shapes.items():
            yield f"{prefix}{name}.weight", shape
            left -= _size(shape)
        layer += 1
    yield "model.norm.weight", (dimensions,)
    yield "lm_head.weight", matrix


def _size(shape: Shape) -> int:
    return 2 * int(np.prod(shape, dtype=np.int64))


def _shards(shapes: Mapping[str, Shape], largest: int) -> list[dict[str, Shape]]:
    """Fill shards in order, with at least a few."""
    limit = min(largest, sum(map(_size, shapes.values())) // FEWEST_SHARDS)
    filled: list[dict[str, Shape]] = [{}]
    for name, shape in shapes.items():
        if filled[-1] and sum(map(_size, filled[-1].values())) + _size(shape) > limit:
            filled.append({})
        filled[-1][name] = shape
    return filled


def _write_shard(path: Path, shapes: Mapping[str, Shape], draw: np.random.Generator) -> None:
    entries, begin = [], 0
    for name, shape in shapes.items():
        entries.append(TensorEntry(name, "BF16", shape, begin, begin + _size(shape)))
        begin = entries[-1].end
    with path.open("wb") as sink:
        sink.write(encode_header(entries, {"format": "pt"}))
        for start in range(0, begin, 2 * NUMBERS_AT_ONCE):
            numbers = draw.integers(0, 1 << 16, min(NUMBERS_AT_ONCE, (begin - start) // 2), np.uint16)
            # Any sign and mantissa, and one of eight exponents: all are finite, and none is zero.
            sink.write(((numbers & 0x83FF) | 0x3800).tobytes())
