"""The class of transformers that opens a model, by its settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["auto_class"]

HEADLESS = "AutoModel"
CLASSES = (
    ("ForCausalLM", "AutoModelForCausalLM"),
    ("LMHeadModel", "AutoModelForCausalLM"),
    ("ForMaskedLM", "AutoModelForMaskedLM"),
    ("ForPreTraining", "AutoModelForPreTraining"),
    ("MTModel", "AutoModelForSeq2SeqLM"),
)
"""End of an architecture's name → the class that opens it; any other is opened without a head."""
GENERATING = "ForConditionalGeneration"
"""What encoder–decoders of text are called, and what takes images or sound as well."""


def auto_class(config: Mapping[str, Any]) -> str:
    """Name the class that opens a model with its head, or `AutoModel`.

    >>> auto_class({"architectures": ["T5ForConditionalGeneration"]})
    'AutoModelForSeq2SeqLM'
    >>> auto_class({"architectures": ["LlavaForConditionalGeneration"], "vision_config": {}})
    'AutoModelForImageTextToText'
    >>> auto_class({})
    'AutoModel'
    """
    name = str((config.get("architectures") or [""])[0])
    if name.endswith(GENERATING):
        is_multimodal = any(part in config for part in ("text_config", "vision_config", "audio_config"))
        return "AutoModelForImageTextToText" if is_multimodal else "AutoModelForSeq2SeqLM"
    return next((kind for end, kind in CLASSES if name.endswith(end)), HEADLESS)
