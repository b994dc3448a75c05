"""Every architecture of the installed transformers, with small settings, and which classes it has."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

from vocabx.checkpoint.families.layouts import known_types
from vocabx.checkpoint.families.refusals import REFUSED

ROWS = 100
HEADED_MAPPINGS = (
    "IMAGE_TEXT_TO_TEXT", "MULTIMODAL_LM", "CAUSAL_LM", "SEQ_TO_SEQ_CAUSAL_LM", "MASKED_LM", "SPEECH_SEQ_2_SEQ",
    "PRETRAINING", "TEXT_TO_WAVEFORM", "RETRIEVAL",
)  # fmt: skip
SIZES: tuple[tuple[str, int], ...] = (
    (r"vocab_size(_per_layer_input)?|decoder_vocab_size", ROWS),
    (r"(num_|n_)?(hidden_|encoder_|decoder_)?(layers?|blocks?)|num_hidden_layers|depth|n_layers?|layers", 2),
    (r"(num_|n_|encoder_|decoder_)?(attention_)?heads?|num_attention_heads|n_heads?|num_encoder_attention_heads", 4),
    (r"num_key_value_heads|num_kv_heads|n_head_kv|num_query_groups|multi_query_group_num", 2),
    (r"head_dim|d_kv|qk_nope_head_dim|qk_rope_head_dim|v_head_dim|global_head_dim|attention_head_size", 8),
    (r"hidden_size|d_model|n_embd|dim|embed_dim|emb_dim|projection_dim|word_embed_proj_dim", 32),
    (r"embedding_size|hidden_dim", 32),
    (r"(\w+_)?intermediate_size|ffn_dim|d_ff|(encoder|decoder)_ffn_dim|n_inner|ffn_hidden_size|d_inner", 64),
    (r"q_lora_rank|kv_lora_rank|lora_rank", 16),
    (r"(num|n)_(local_|routed_)?experts", 4),
    (r"num_experts_per_tok|top_k|moe_top_?k|n_shared_experts", 2),
    (r"n_group|topk_group|num_expert_group", 1),
    (r"(original_)?max_position_embeddings|n_positions|max_(source|target)_positions|n_ctx|max_seq_len", 64),
)  # fmt: skip


COMPLETIONS: Mapping[str, Mapping[str, Any]] = {
    "chameleon": {"vocabulary_map": {"<image>": 90}},
    "cohere_compass": {"text_config.layer_types": ["full_attention"] * 2, "text_config.num_hidden_layers": 2},
    "dots1": {"n_routed_experts": 4},
    "emu3": {"vocabulary_map": {"<image>": 90}},
    "esm": {"vocab_size": ROWS, "pad_token_id": 1, "mask_token_id": 4},
    "hunyuan_v1_dense": {"head_dim": 8},
    "hunyuan_v1_moe": {"head_dim": 8},
    "hunyuan_vl": {"text_config.head_dim": 8},
    "hunyuan_vl_text": {"head_dim": 8},
    "ministral": {"head_dim": 8},
    "moonshine_streaming": {"num_key_value_heads": 8},
    "nemotron": {"num_key_value_heads": 8},
    "reformer": {"is_decoder": True},
}
"""What some classes leave out and their models need."""

SECTIONS = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1]}
SMALL: Mapping[str, Mapping[str, Any]] = {
    "bamba": {"mamba_n_heads": 4, "mamba_d_head": 16},
    "codegen": {"rotary_dim": 8},
    "dots1": {"n_routed_experts": 4, "n_shared_experts": 1},
    "esmc": {"num_key_value_heads": 4},
    "glm5_next_text": {"num_key_value_heads": 4},
    "gptj": {"rotary_dim": 8},
    "granitemoehybrid": {"mamba_n_heads": 4, "mamba_d_head": 16},
    "lfm2_moe": {"layer_types": ["full_attention", "conv"]},
    "mamba2": {"num_heads": 4, "head_dim": 16},
    "neomme": {"head_dim": 32, "num_attention_heads": 4},
    "qwen2_5_vl": {"text_config.rope_parameters": SECTIONS},
    "qwen2_5_vl_text": {"rope_parameters": SECTIONS},
    "qwen2_vl": {"text_config.rope_parameters": SECTIONS},
    "qwen2_vl_text": {"rope_parameters": SECTIONS},
    "reformer": {"is_decoder": True, "axial_pos_embds": False},
    "rwkv": {"attention_hidden_size": 32},
    "step3p7": {"text_config.sliding_window": 8},
    "xlnet": {"d_head": 8},
    "zaya": {"num_experts_per_tok": 1},
}
"""Sizes that must fit others."""


def words(text: str) -> list[str]:
    return text.split()


def listed_types() -> list[str]:
    """Name every type that has a layout."""
    return list(known_types())


def all_types() -> list[str]:
    """Name every type that the installed transformers knows."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    return list(CONFIG_MAPPING_NAMES)


def is_refused(model_type: str) -> bool:
    return model_type in REFUSED


def default_config(model_type: str) -> Any:
    """Return the configuration of a type as its class makes it, and complete."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    config, changes = CONFIG_MAPPING[model_type](), COMPLETIONS.get(model_type)
    if changes is None:
        return config
    data = config.to_dict()
    for name, value in changes.items():
        _set(data, name, value)
    return type(config).from_dict(data)


def classes(config: Any) -> dict[str, Any]:
    """Return the model classes of a configuration by name: those with a head, then the base."""
    import transformers.models.auto.modeling_auto as auto

    found: dict[str, Any] = {}
    for name in [
        *(f"MODEL_FOR_{name}_MAPPING" for name in HEADED_MAPPINGS),
        "MODEL_MAPPING",
        "MODEL_FOR_TEXT_ENCODING_MAPPING",
    ]:
        mapping = getattr(auto, name)
        if type(config) in mapping:
            try:
                made = mapping[type(config)]
            except ValueError:  # it names a class that does not exist
                continue
            found |= {each.__name__: each for each in (made if isinstance(made, list | tuple) else (made,))}
    return found


def shapes_on_meta(model_class: Any, config: Any) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all parameters and stored buffers, shared ones under each name, without making any."""
    import torch

    with torch.device("meta"):
        model = model_class(copy.deepcopy(config))
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def size_settings(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, int]]:
    """Yield dotted names and values of all settings that may be the size of a vocabulary."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from size_settings(value, f"{prefix}{key}.")
        elif "vocab" in str(key) and "type_vocab" not in key and type(value) is int:
            yield f"{prefix}{key}", value


def shrunk(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with small sizes, and ids within the small vocabulary."""
    small = {key: _small(str(key), value) for key, value in settings.items() if key != "per_layer_config"}
    if "qk_nope_head_dim" in small:
        small["num_key_value_heads"] = small.get("num_attention_heads")
    layers = next((settings[key] for key in ("num_hidden_layers", "n_layer", "num_layers") if key in settings), None)
    ids = iter(range(60, ROWS))
    for key, value in small.items():
        if re.search(r"(token_id|token_index|_id|_token_ids)$", str(key)) and type(value) is int and value >= 50:
            small[key] = next(ids)
        if isinstance(value, list) and layers and len(value) == layers:
            small[key] = value[:1] + value[-1:]
    return small


def _small(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return shrunk(value) if all(isinstance(name, str) for name in value) else value
    if type(value) is int:
        return next((size for pattern, size in SIZES if re.fullmatch(pattern, key)), value)
    return [2, 1, 1] if key == "mrope_section" else value


def small_config(model_type: str) -> Any:
    """Return a small configuration of a type."""
    config = default_config(model_type)
    data = shrunk(config.to_dict())
    for name, value in SMALL.get(model_type, {}).items():
        _set(data, name, value)
    return type(config).from_dict(data)


def _set(data: dict[str, Any], name: str, value: Any) -> None:
    *path, key = name.split(".")
    for step in path:
        data = data[step]
    data[key] = value
