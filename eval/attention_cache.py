"""Attention cache: how many bytes a causal model keeps of the text that it has read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["cache_bytes", "expected_cache_bytes"]

WHOLE, WINDOWED = ("full_attention",), ("sliding_attention", "chunked_attention")


def cache_bytes(cache: Any) -> int:
    """Return the bytes of all tensors in the layers of a `transformers` cache: keys, values, and any other state."""
    return sum(
        tensor.numel() * tensor.element_size()
        for layer in cache.layers
        for name, value in vars(layer).items()
        if not name.startswith("_")
        for tensor in _tensors(value)
    )


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif hasattr(value, "element_size"):
        yield value


def expected_cache_bytes(config: Any, tokens: int, bytes_per_number: int) -> int | None:
    """Return what a configuration says of the cache after some tokens; None where its layers are of other kinds.

    Notes
    -----
    Each layer keeps ``2 * key-value heads * head size`` numbers for one token: the key and the value. A layer with a
    sliding window of W tokens keeps W - 1 of them, for the next token is itself in the window.
    """
    config = config.get_text_config()
    kinds = _layer_kinds(config)
    if not set(kinds) <= {*WHOLE, *WINDOWED}:
        return None
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    window = getattr(config, "sliding_window", None) or getattr(config, "attention_chunk_size", None) or tokens + 1
    kept = sum(min(tokens, window - 1) if kind in WINDOWED else tokens for kind in kinds)
    return int(2 * heads * size * bytes_per_number * kept)


def _layer_kinds(config: Any) -> list[str]:
    kinds = getattr(config, "layer_types", None)
    if kinds is not None:
        return list(kinds)
    has_window = getattr(config, "sliding_window", None) is not None
    return [WINDOWED[0] if has_window else WHOLE[0]] * config.num_hidden_layers
