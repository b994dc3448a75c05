"""Ids that settings name though they are no tokens: a new token that takes one would silently have its use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vocabx.checkpoint.config import GENERATION_CONFIG
from vocabx.checkpoint.read import CONFIG
from vocabx.checkpoint.token_ids import ids_of, sections
from vocabx.core.arrays import Ints
from vocabx.core.errors import CheckpointError

__all__ = ["check_not_taken"]


def check_not_taken(
    config: Mapping[str, Any], generation: Mapping[str, Any] | None, tokens: int, new_ids: Ints
) -> None:
    """Raise `CheckpointError` where a setting names an id that a new token of an extension will have.

    `tokens` is how many the base has; a new id below it is a reserved slot. What generation suppresses is no fault: an
    extension suppresses padding rows, and frees those that become tokens.
    """
    freed = {key: value for key, value in (generation or {}).items() if key != "suppress_tokens"}
    taken = set(new_ids.tolist())
    for file, settings in ((CONFIG, config), (GENERATION_CONFIG, freed)):
        for key, token in _named(settings):
            if token in taken:
                raise CheckpointError(f"{file} gives {key} as id {token}, {_advice(token, tokens)}")


def _named(settings: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for section in sections(settings):
        for key, value in section.items():
            yield from ((key, token) for token in ids_of(key, value))


def _advice(token: int, tokens: int) -> str:
    if token < tokens:
        return (
            "a reserved slot that a new token would take over. Set it to the id of another token, remove it, or leave "
            "out --reuse-reserved (reuse_reserved=True)."
        )
    return (
        f"which is none of the tokenizer's {tokens:,} tokens and would become a new one. Set it to the id of the token "
        "that is meant, or remove it."
    )
