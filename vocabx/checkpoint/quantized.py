"""Quantised models: how each kind is known, and what to do instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vocabx.checkpoint.families.layouts import find_layout
from vocabx.core.errors import CheckpointError

__all__ = ["KINDS", "Quantization", "check_configuration", "check_vocabulary_tensors"]

FROM_ORIGINAL = "Start from the unquantised checkpoint and quantise the result."
DEQUANTIZE = (
    "Start from its bfloat16 or float16 checkpoint; where there is none, load it with transformers, "
    "quantization_config={}(dequantize=True), and save it."
)


@dataclass(frozen=True, slots=True)
class Quantization:
    """One kind: its `quant_method` in config.json, and the endings of what it stores beside a quantised matrix."""

    name: str
    methods: tuple[str, ...]
    endings: tuple[str, ...] = ()
    advice: str = FROM_ORIGINAL


KINDS: tuple[Quantization, ...] = (
    Quantization("GPTQ", ("gptq", "gptqmodel"), (".g_idx",)),
    Quantization("AWQ", ("awq",)),
    Quantization("GPTQ or AWQ", (), (".qweight", ".qzeros", ".scales")),
    Quantization(
        "bitsandbytes",
        ("bitsandbytes", "bitsandbytes_4bit", "bitsandbytes_8bit"),
        (".weight.absmax", ".weight.quant_map", ".SCB", ".weight.quant_state.bitsandbytes__nf4"),
    ),
    Quantization(
        "compressed-tensors",
        ("compressed-tensors", "compressed_tensors"),
        (".weight_packed", ".weight_scale", ".weight_zero_point", ".weight_shape"),
    ),
    Quantization("FP8", ("fp8", "fbgemm_fp8"), (".weight_scale_inv",), DEQUANTIZE.format("FineGrainedFP8Config")),
    Quantization("MXFP4", ("mxfp4",), (".weight_blocks", ".weight_scales"), DEQUANTIZE.format("Mxfp4Config")),
    Quantization("HQQ", ("hqq",), (".W_q",)),
    Quantization("Quanto", ("quanto",), (".weight._data", ".weight._scale")),
    Quantization("torchao", ("torchao",)),
    Quantization("AQLM", ("aqlm",), (".codebooks", ".codes")),
    Quantization("EETQ", ("eetq",), (".weight_scales",)),
    Quantization("HIGGS", ("higgs",)),
    Quantization("SpQR", ("spqr",)),
    Quantization("VPTQ", ("vptq",)),
    Quantization("AutoRound", ("auto-round", "intel/auto-round")),
    Quantization("BitNet", ("bitnet",), (), "Start from its bfloat16 master weights, where they are published."),
    Quantization("Quark", ("quark",)),
    Quantization("ModelOpt", ("modelopt",), (".weight_scale_2", ".input_scale")),
)

STEMS = ("embed_tokens", "wte", "word_embeddings", "embed_in", "lm_head", "embed_out", "shared")
"""What embeddings and heads are called, where the architecture has no layout."""


def check_configuration(directory: Path, config: Mapping[str, Any]) -> None:
    """Raise `CheckpointError` where config.json says that the model is quantised."""
    text = config.get("text_config")
    nested = text.get("quantization_config") if isinstance(text, dict) else None
    settings = config.get("quantization_config") or nested
    if not settings:
        return
    method = settings.get("quant_method") if isinstance(settings, dict) else None
    kind = next((kind for kind in KINDS if str(method).lower() in kind.methods), None)
    named = kind.name if kind else method
    raise CheckpointError(
        f"The model in {directory} is quantised{f' with {named}' if named else ''} (quantization_config in its "
        f"config.json). {kind.advice if kind else FROM_ORIGINAL}"
    )


def check_vocabulary_tensors(directory: Path, config: Mapping[str, Any], names: Iterable[str]) -> None:
    """Raise `CheckpointError` where scales or packed numbers are stored beside an embedding or a head."""
    layout = find_layout(config)
    stems = tuple(name.removesuffix(".weight") for name in (layout.input, *layout.heads)) if layout else STEMS
    for name in names:
        for kind in KINDS:
            ending = next((ending for ending in kind.endings if name.endswith(ending)), None)
            if ending and name.removesuffix(ending).endswith(stems):
                raise CheckpointError(
                    f"{directory} stores {name}: its embedding or head is quantised, as by {kind.name}. {kind.advice}"
                )
