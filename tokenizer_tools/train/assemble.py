"""Put a blueprint and a learned vocabulary together."""

from __future__ import annotations

import json
from typing import Any

from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.surfaces import Family
from vocabx.tokenizer_tools.train.blueprint import BYTE_PIECES, Blueprint, with_ids
from vocabx.tokenizer_tools.train.learned import Learned

__all__ = ["assemble"]

BELOW_ALL = 8
"""A byte token must cost more than the six characters of its name, or the text `<0x41>` would be read as a byte."""


def assemble(blueprint: Blueprint, learned: Learned) -> FastSegmenter:
    """Give every token its id (special ones, bytes, text, special ones that come last) and rewrite every id."""
    from tokenizers import Tokenizer

    pieces = (*blueprint.first, *learned.pieces, *blueprint.last)
    ids = {piece: token for token, piece in enumerate(pieces)}
    outside = {token.text for token in blueprint.special if not token.in_model and not token.is_first}
    inside = [piece for piece in pieces if piece not in outside]
    definition = {
        **blueprint.pipeline,
        "added_tokens": [
            token.to_json(ids[token.text]) for token in sorted(blueprint.special, key=lambda token: ids[token.text])
        ],
        "post_processor": with_ids(blueprint.pipeline["post_processor"], ids.__getitem__),
        "model": _model(blueprint, learned, inside, ids),
    }
    backend = Tokenizer.from_str(json.dumps(definition))
    return FastSegmenter.from_backend(backend, {role: ids[text] for role, text in blueprint.roles.items()})


def _model(blueprint: Blueprint, learned: Learned, pieces: list[str], ids: dict[str, int]) -> dict[str, Any]:
    settings = dict(blueprint.pipeline["model"])
    if blueprint.family is Family.UNIGRAM:
        if settings["unk_id"] is not None:
            settings["unk_id"] = ids[settings.pop("unk_token", blueprint.roles.get("unk", ""))]
        scores = dict(zip(learned.pieces, learned.scores, strict=True))
        if blueprint.has_bytes:
            scores |= dict.fromkeys(BYTE_PIECES, BELOW_ALL * min(scores.values()))
        return {**settings, "vocab": [[piece, scores.get(piece, 0.0)] for piece in pieces]}
    settings["vocab"] = {piece: ids[piece] for piece in pieces}
    return settings if blueprint.family is Family.WORDPIECE else {**settings, "merges": learned.merges}
