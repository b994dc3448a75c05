"""Around a text: which special tokens a pipeline puts there, and how another one can be made to do the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vocabx.core.errors import TokenizerError
from vocabx.tokenizer_tools.read import FastSegmenter

__all__ = ["rewrite_post_processor"]

PROBES = ("a", "1", "\u4e00", ".")
SEQUENCES = ("A", "B")


def rewrite_post_processor(
    source: FastSegmenter, own: dict[str, Any] | None, images: Mapping[int, int], pieces: Sequence[str]
) -> dict[str, Any] | None:
    """Return a post-processor, as JSON, that puts the source's special tokens around one text and around two.

    Parameters
    ----------
    source : FastSegmenter
        The pipeline to be imitated.
    own : dict or None
        The post-processor that is replaced; what it does to offsets stays.
    images : mapping of int to int
        The new id of each special token of the source.
    pieces : sequence of str
        What the new ids are called.
    """
    kept = list(_offsets(own))
    single, pair = (_template(source, texts, images, pieces) for texts in (1, 2))
    specials = {item["SpecialToken"]["id"] for item in (*single, *pair) if "SpecialToken" in item}
    if specials:
        ids = {piece: token for token, piece in enumerate(pieces) if piece in specials}
        named = {piece: {"id": piece, "ids": [ids[piece]], "tokens": [piece]} for piece in sorted(specials)}
        kept.append({"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": named})
    if len(kept) < 2:
        return kept[0] if kept else None
    return {"type": "Sequence", "processors": kept}


def _offsets(processor: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return the parts of a post-processor that add nothing to the ids."""
    if processor is None or processor["type"] == "ByteLevel":
        return [] if processor is None else [processor]
    match processor:
        case {"type": "Sequence", "processors": [*parts]}:
            return [kept for part in parts for kept in _offsets(part)]
        case {"type": "RobertaProcessing", "trim_offsets": True, "add_prefix_space": bool(prefix)}:
            return [{"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": True}]
    return []


def _template(
    source: FastSegmenter, texts: int, images: Mapping[int, int], pieces: Sequence[str]
) -> list[dict[str, Any]]:
    """Read off an encoding which special tokens stand where, and of which type; each text counts once."""
    encoding = next((found for probe in PROBES if (found := _encode(source, [probe] * texts)) is not None), None)
    if encoding is None:
        raise TokenizerError("The base's tokenizer encodes no plain character, so nothing stands around a text.")
    items: list[dict[str, Any]] = []
    for token, sequence, kind in zip(encoding.ids, encoding.sequence_ids, encoding.type_ids, strict=True):
        if sequence is None:
            items.append({"SpecialToken": {"id": pieces[images[token]], "type_id": kind}})
        elif not any(item.get("Sequence", {}).get("id") == SEQUENCES[sequence] for item in items):
            items.append({"Sequence": {"id": SEQUENCES[sequence], "type_id": kind}})
    return items


def _encode(source: FastSegmenter, texts: Sequence[str]) -> Any:
    encoding = source.backend.encode(texts[0], texts[1] if len(texts) > 1 else None, add_special_tokens=True)
    return encoding if set(range(len(texts))) <= set(encoding.sequence_ids) else None
