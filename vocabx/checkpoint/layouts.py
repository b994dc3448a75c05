"""Where each architecture keeps the tensors that have one row per token, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["LAYOUTS", "Layout", "find_layout"]


@dataclass(frozen=True, slots=True)
class Layout:
    """One family.

    Tensor names are matched from their end, because what comes before differs: a model saved with its head says
    `model.embed_tokens.weight`, the bare base `embed_tokens.weight`, a multimodal wrapper
    `language_model.model.embed_tokens.weight`. `tied` holds where config.json does not say.
    """

    model_types: tuple[str, ...]
    input: str
    head: str
    biases: tuple[str, ...] = ()
    tied: bool = False


LAYOUTS: tuple[Layout, ...] = (
    Layout(("llama", "mistral", "qwen2", "qwen3", "phi3"), "embed_tokens.weight", "lm_head.weight"),
    Layout(("gemma", "gemma2", "gemma3_text"), "embed_tokens.weight", "lm_head.weight", tied=True),
    Layout(("phi",), "embed_tokens.weight", "lm_head.weight", ("lm_head.bias",)),
    Layout(("gpt2",), "wte.weight", "lm_head.weight", tied=True),
    Layout(("gpt_neox",), "embed_in.weight", "embed_out.weight"),
    Layout(("opt",), "decoder.embed_tokens.weight", "lm_head.weight", tied=True),
    Layout(("bloom",), "word_embeddings.weight", "lm_head.weight", tied=True),
    Layout(
        ("bert",),
        "embeddings.word_embeddings.weight",
        "cls.predictions.decoder.weight",
        ("cls.predictions.bias", "cls.predictions.decoder.bias"),
        tied=True,
    ),
    Layout(
        ("roberta", "xlm-roberta"),
        "embeddings.word_embeddings.weight",
        "lm_head.decoder.weight",
        ("lm_head.bias", "lm_head.decoder.bias"),
        tied=True,
    ),
    Layout(
        ("distilbert",),
        "embeddings.word_embeddings.weight",
        "vocab_projector.weight",
        ("vocab_projector.bias",),
        tied=True,
    ),
)


def find_layout(config: Mapping[str, Any]) -> Layout | None:
    """Return the layout of a model by its `model_type`, or by its text part's; None where no row fits."""
    by_type = {name: layout for layout in LAYOUTS for name in layout.model_types}
    text = config.get("text_config")
    types = [config.get("model_type"), text.get("model_type") if isinstance(text, dict) else None]
    return next((by_type[name] for name in types if name in by_type), None)
