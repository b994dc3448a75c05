"""What is known of a model by its settings: its layout, where its text part is, or why it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vocabx.checkpoint.families.layout import Layout
from vocabx.checkpoint.families.refusals import REFUSED
from vocabx.checkpoint.families.text_layouts import LAYOUTS
from vocabx.checkpoint.families.wrappers import WRAPPERS, Wrapper
from vocabx.core.errors import CheckpointError

__all__ = ["LAYOUTS", "Layout", "check_family", "find_layout", "find_wrapper", "known_types", "text_path"]

BY_TYPE: Mapping[str, Layout] = {name: layout for layout in LAYOUTS for name in layout.model_types}
WRAPPER_BY_TYPE: Mapping[str, Wrapper] = {name: wrapper for wrapper in WRAPPERS for name in wrapper.model_types}
TEXT = "text_config"


def known_types() -> tuple[str, ...]:
    """Return every model type that has a layout, wrappers last."""
    return (*BY_TYPE, *WRAPPER_BY_TYPE)


def find_wrapper(config: Mapping[str, Any]) -> Wrapper | None:
    """Return what is around the text part; None where the model is the text part, or is not known."""
    return WRAPPER_BY_TYPE.get(str(config.get("model_type")))


def text_path(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the settings that lead to those of the text part, as far as they are there.

    >>> text_path({"model_type": "qwen2_5_omni", "thinker_config": {"text_config": {}}})
    ('thinker_config', 'text_config')
    >>> text_path({"model_type": "llama"})
    ()
    """
    wrapper, path = find_wrapper(config), list[str]()
    for name in (wrapper.text if wrapper else TEXT).split("."):
        part = config.get(name)
        if not isinstance(part, dict):
            break
        path.append(name)
        config = part
    return tuple(path)


def find_layout(config: Mapping[str, Any]) -> Layout | None:
    """Return the layout of a model by its `model_type` and its text part's; None where no row fits."""
    part = BY_TYPE.get(str(_text_part(config).get("model_type")))
    wrapper = find_wrapper(config)
    if wrapper is None:
        return BY_TYPE.get(str(config.get("model_type")), part)
    return wrapper.around(part or BY_TYPE[wrapper.default])


def _text_part(config: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in text_path(config):
        config = config[name]
    return config


def check_family(config: Mapping[str, Any]) -> None:
    """Raise `CheckpointError` where a model of this type cannot be given another vocabulary."""
    for model_type in (str(part.get("model_type")) for part in (config, _text_part(config))):
        if model_type in REFUSED:
            raise CheckpointError(f"A model of type {model_type} {REFUSED[model_type]}. Choose another base.")
    if config.get("model_type") == "marian" and config.get("share_encoder_decoder_embeddings") is False:
        raise CheckpointError(
            "This marian model has two vocabularies (share_encoder_decoder_embeddings is false), one for what it reads "
            "and one for what it writes. Choose a base that shares them."
        )
