"""Take ids out of a tokenizer and number the others anew, without gaps."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from vocabx.core.arrays import Ints
from vocabx.tokenizer_tools.read import FastSegmenter

__all__ = ["keep_only", "post_processor_ids"]

Number = Callable[[int], int]


def keep_only(source: FastSegmenter, kept: Ints) -> FastSegmenter:
    """Return the pipeline whose id i is the source's id `kept[i]`; every role must be among them.

    BPE keeps, in their order, the merges of which both parts and the result stay. Added tokens that the source keeps
    beside the model's vocabulary move into it: outside it they are numbered by the vocabulary's size when the file is
    read.
    """
    from tokenizers import Tokenizer

    new_id = {old: new for new, old in enumerate(kept.tolist())}
    definition = {**source.definition, "truncation": None, "padding": None}
    definition["added_tokens"] = [
        {**added, "id": new_id[added["id"]]} for added in definition["added_tokens"] if added["id"] in new_id
    ]
    definition["model"] = _kept_model(
        source, new_id, {added["content"]: added["id"] for added in definition["added_tokens"]}
    )
    if definition["post_processor"] is not None:
        definition["post_processor"] = _renumbered(definition["post_processor"], new_id.__getitem__)
    backend = Tokenizer.from_str(json.dumps(definition, ensure_ascii=False))
    return FastSegmenter(backend, {role: new_id[token] for role, token in source.roles.items()})


def post_processor_ids(definition: Mapping[str, Any]) -> Ints:
    """Return the ids that the pipeline puts around a text, ascending."""
    found = set[int]()

    def note(token: int) -> int:
        found.add(token)
        return token

    if definition["post_processor"] is not None:
        _renumbered(definition["post_processor"], note)
    return np.array(sorted(found), np.int64)


def _kept_model(source: FastSegmenter, new_id: Mapping[int, int], added: Mapping[str, int]) -> dict[str, Any]:
    model = dict(source.definition["model"])
    if model["type"] == "Unigram":
        entries = [*model["vocab"], *((piece, 0.0) for piece in source.tokens.pieces[len(model["vocab"]) :])]
        model["vocab"] = [entries[old] for old in new_id]
        model["unk_id"] = None if model["unk_id"] is None else new_id[model["unk_id"]]
        return model
    model["vocab"] = {piece: new_id[old] for piece, old in model["vocab"].items() if old in new_id} | dict(added)
    if model["type"] == "BPE":
        stays = model["vocab"].keys()
        model["merges"] = [
            (left, right)
            for left, right in model["merges"]
            if left in stays and right in stays and left + right in stays
        ]
    return model


def _renumbered(processor: Mapping[str, Any], number: Number) -> dict[str, Any]:
    """Return a post-processor with each id passed through `number`."""
    match processor:
        case {"type": "Sequence", "processors": members}:
            return {**processor, "processors": [_renumbered(member, number) for member in members]}
        case {"type": "TemplateProcessing", "special_tokens": tokens}:
            renumbered = {
                name: {**token, "ids": [number(old) for old in token["ids"]]} for name, token in tokens.items()
            }
            return {**processor, "special_tokens": renumbered}
        case {"type": "BertProcessing" | "RobertaProcessing"}:
            pairs = {name: (processor[name][0], number(processor[name][1])) for name in ("sep", "cls")}
            return {**processor, **pairs}
    return dict(processor)
