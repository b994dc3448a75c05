"""config.json and generation_config.json: read them, and write them for a vocabulary of another size."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vocabx.checkpoint.families.layouts import find_layout, find_wrapper, text_path
from vocabx.checkpoint.token_ids import MovedIds, sections
from vocabx.core.errors import CheckpointError
from vocabx.core.plan import NEW, Plan

__all__ = [
    "configured_tie",
    "lost_settings",
    "read_generation_config",
    "read_json",
    "resized_config",
    "resized_generation_config",
    "spell_like",
    "vocabulary_size",
]

GENERATION_CONFIG = "generation_config.json"
SIZE = "vocab_size"
COUNTING_FROM_PADDING = frozenset(
    {
        "camembert", "data2vec-text", "esm", "ibert", "layoutlmv3", "lilt", "longformer", "luke", "markuplm", "roberta",
        "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod",
    }
)  # fmt: skip
"""Model types whose first position is the one after the id of the padding token."""
GENERATION_IDS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")


def read_json(path: Path) -> dict[str, Any]:
    """Read a file that must hold one JSON object."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not JSON: {error}.") from error
    if not isinstance(data, dict):
        raise CheckpointError(f"{path} must hold one JSON object, not a {type(data).__name__}.")
    return data


def read_generation_config(directory: Path) -> dict[str, Any] | None:
    """Read generation_config.json; None where there is none."""
    path = directory / GENERATION_CONFIG
    return read_json(path) if path.is_file() else None


def spell_like(data: Mapping[str, Any], original: Path | None) -> str:
    """Spell JSON with two spaces, escaping and ending as the original file does."""
    text = original.read_text(encoding="utf-8") if original else "\n"
    return json.dumps(data, indent=2, ensure_ascii=text.isascii()) + ("\n" if text.endswith("\n") else "")


def vocabulary_size(config: Mapping[str, Any]) -> int | None:
    """Return the configured number of rows, of the text part where there is one; None where it is left to the class."""
    sizes = [section[SIZE] for section in sections(config) if section.get(SIZE) is not None]
    if sizes and (type(sizes[0]) is not int or sizes[0] < 1):
        raise CheckpointError(f"config.json: vocab_size must be a positive number, not {sizes[0]!r}.")
    return sizes[0] if sizes else None


def configured_tie(config: Mapping[str, Any]) -> bool | None:
    """Return whether config.json ties the head to the input; None where it does not say."""
    ties = [section.get("tie_word_embeddings") for section in reversed(sections(config))]
    return next((bool(tie) for tie in ties if tie is not None), None)


def resized_config(config: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """Return the configuration with the new number of rows, ids where the plan takes them, and all else as it was."""
    resized = copy.deepcopy(MovedIds(plan).move(config))
    text, *around = _parts(resized)
    text[SIZE] = plan.rows_after
    layout = find_layout(config)
    for part in (text, *around):
        for name in (SIZE, *(layout.sizes if layout else ())):
            if part.get(name) == plan.rows_before:
                part[name] = plan.rows_after
    return resized


def _parts(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the settings that may hold the number of rows, those of the text part first."""
    parts = [config]
    for name in text_path(config):
        parts.insert(0, parts[0][name])
    wrapper = find_wrapper(config)
    others = (config.get(name) for name in (wrapper.others if wrapper else ()))
    return [*parts, *(part for part in others if isinstance(part, dict))]


def resized_generation_config(
    generation: Mapping[str, Any] | None, config: Mapping[str, Any], plan: Plan
) -> dict[str, Any] | None:
    """Return the generation settings with padding rows suppressed; None where there is nothing to write.

    An id that was a padding row and is a token now is no longer suppressed. A file that did not exist takes over
    the special ids of config.json, because transformers does not look for them there once the file exists.
    """
    before = (generation or {}).get("suppress_tokens") or []
    images = (plan.images[token] for token in before if 0 <= token < plan.tokens_before)
    # What a plan gives a new meaning, or no row, has no image: it is a new token, padding or gone.
    after = sorted({*(int(image) for image in images if image != NEW), *plan.padding})
    moved = MovedIds(plan).move(config if generation is None else generation)
    if generation is None:
        return {**_special_ids(moved), "suppress_tokens": after} if after else None
    if after:
        return {**moved, "suppress_tokens": after}
    return {key: value for key, value in moved.items() if key != "suppress_tokens" or not before}


def lost_settings(config: Mapping[str, Any], generation: Mapping[str, Any] | None, plan: Plan) -> tuple[str, ...]:
    """Say which ids of both files the plan drops; raise `CheckpointError` where the model cannot do without one."""
    _check_positions(config, plan)
    wrapper = find_wrapper(config)
    if wrapper and wrapper.within and not plan.keeps_ids:
        raise CheckpointError(
            f"A {config['model_type']} model names ids of its text in the settings of its voice, which are not moved. "
            "Extend it, which keeps all ids."
        )
    moved = MovedIds(plan)
    moved.move(config)
    moved.move(generation or {})
    return tuple(dict.fromkeys(moved.losses))


def _check_positions(config: Mapping[str, Any], plan: Plan) -> None:
    padding = config.get("pad_token_id")
    if config.get("model_type") not in COUNTING_FROM_PADDING or type(padding) is not int:
        return
    image = plan.images[padding] if 0 <= padding < plan.tokens_before else NEW
    if image != padding:
        where = "nowhere" if image == NEW else f"at id {image}"
        raise CheckpointError(
            f"A {config['model_type']} model counts positions from the id of its padding token, {padding}, and the new "
            f"tokenizer has that token {where}. Give it the id {padding} there."
        )


def _special_ids(config: Mapping[str, Any]) -> dict[str, Any]:
    merged = {key: value for section in sections(config) for key, value in section.items()}
    return {key: merged[key] for key in GENERATION_IDS if merged.get(key) is not None}
