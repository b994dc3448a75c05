"""The head of a card: what the hub indexes, some of it carried from the base's card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vocabx.checkpoint.sources.hub_options import split_hub_id
from vocabx.manifest import Manifest

__all__ = ["card_metadata", "read_metadata", "spell_metadata", "trained_metadata"]

CARRIED = ("license", "license_name", "license_link", "pipeline_tag")
RELATION = "finetune"
"""Of the relations that the hub knows, beside adapter, merge and quantized."""


def read_metadata(directory: Path) -> Mapping[str, Any]:
    """Read the head of a directory's card; nothing where there is no card, or one that nobody can read."""
    from huggingface_hub import metadata_load

    path = directory / "README.md"
    try:
        return (metadata_load(path) if path.is_file() else None) or {}
    except Exception:  # YAML raises errors of its own; and the card of another model is no reason to stop
        return {}


def card_metadata(manifest: Manifest, base: Mapping[str, Any], languages: Sequence[str]) -> dict[str, Any]:
    """Return the head: the base's licence, tags and task stay, and no language is guessed."""
    return _metadata(
        manifest.base, base, languages, [manifest.method] if manifest.method and not manifest.is_all_given else []
    )


def trained_metadata(name: str, base: Mapping[str, Any], languages: Sequence[str]) -> dict[str, Any]:
    """Return the head of a model that was trained on, and nothing else."""
    return _metadata(name, base, languages, [])


def _metadata(name: str, base: Mapping[str, Any], languages: Sequence[str], more: Sequence[str]) -> dict[str, Any]:
    tags = base.get("tags")
    carried = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    is_known = split_hub_id(name) is not None
    head: dict[str, Any] = {
        "language": list(languages) or None,
        **{name: base[name] for name in CARRIED if _is_plain(base.get(name))},
        "library_name": "transformers",
        "base_model": name if is_known else None,
        "base_model_relation": RELATION if is_known else None,
        "tags": list(dict.fromkeys([*carried, "vocabx", *more])),
    }
    return {name: value for name, value in head.items() if value is not None}


def spell_metadata(head: Mapping[str, Any]) -> str:
    """Spell the head as the hub reads it."""
    from huggingface_hub import ModelCardData

    text = ModelCardData(**head).to_yaml(line_break="\n", original_order=list(head))
    return f"---\n{text}\n---\n"


def _is_plain(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(item, str) for item in value))
