"""The token ids that a model's settings hold, and where a plan takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from vocabx.checkpoint.families.layouts import text_path
from vocabx.core.errors import CheckpointError
from vocabx.core.plan import NEW, Plan

__all__ = ["MovedIds", "id_settings", "ids_of", "named_ids", "sections"]

ID_ENDINGS = ("_token_id", "_token_ids", "_token_index", "_token_indices")
ID_NAMES = frozenset({"padding_idx", "suppress_tokens", "begin_suppress_tokens", "bad_words_ids", "force_words_ids"})
PAIRS = "forced_decoder_ids"
"""Pairs of a place and an id."""

ROLES = ("bos", "pad", "unk", "sep", "cls", "mask", "forced_bos", "forced_eos")
OPTIONAL = frozenset({"padding_idx", *(f"{role}_token_id" for role in ROLES)})
PROHIBITED = frozenset({"suppress_tokens", "begin_suppress_tokens", "bad_words_ids"})
"""Settings that name ids which must not come up; one that is gone cannot."""


def id_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that hold token ids which have a use."""
    return {key: value for key, value in settings.items() if _holds_ids(key) and key not in PROHIBITED}


def _holds_ids(key: str) -> bool:
    return key in ID_NAMES or key == PAIRS or key.endswith(ID_ENDINGS)


def sections(settings: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the settings of the text part, if there is one, then those around it, and then all."""
    found = [settings]
    for name in text_path(settings):
        found.insert(0, found[0][name])
    return found


def named_ids(settings: Mapping[str, Any]) -> set[int]:
    """Return the ids that settings name as having a use; those that must not come up are left out."""
    pairs = ((key, value) for section in sections(settings) for key, value in section.items())
    return {token for key, value in pairs if _holds_ids(key) and key not in PROHIBITED for token in _ids(key, value)}


def ids_of(key: str, value: object) -> Iterator[int]:
    """Yield the ids that a setting holds, also those that must not come up; nothing where it holds none."""
    if _holds_ids(key):
        yield from _ids(key, value)


def _ids(key: str, value: object) -> Iterator[int]:
    if isinstance(value, list):
        for item in value[1:] if key == PAIRS and not any(isinstance(i, list) for i in value) else value:
            yield from _ids(key, item)
    elif type(value) is int and value >= 0:
        yield value


@dataclass
class MovedIds:
    """Settings with every token id moved to where its row went; `losses` says which could not be moved."""

    plan: Plan
    losses: list[str] = field(default_factory=list)

    def move(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return a copy; ids of an extension stay as they are.

        Raises
        ------
        CheckpointError
            When an id is dropped that the model cannot work without: the end of a text, the start of a decoder's, or
            what stands for an image or the like.
        """
        if self.plan.keeps_ids:
            return dict(settings)
        return self._moved(settings, text_path(settings))

    def _moved(self, settings: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
        moved = {key: self._value(key, value) if _holds_ids(key) else value for key, value in settings.items()}
        if path:
            moved[path[0]] = self._moved(settings[path[0]], path[1:])
        return moved

    def _value(self, key: str, value: object) -> object:
        if isinstance(value, list):
            return self._list(key, value)
        if type(value) is not int or value < 0:  # none, or a number that stands for none
            return value
        image = self._image(value)
        if image is None:
            self._lose(key, value)
        return image

    def _list(self, key: str, value: list[Any]) -> list[Any] | None:
        if key == PAIRS:
            moved = [[place, self._image(token)] for place, token in value]
            return [pair for pair in moved if pair[1] is not None] or None
        if any(isinstance(item, list) for item in value):
            words = (self._list(key, item) if isinstance(item, list) else item for item in value)
            kept = [word for word, before in zip(words, value, strict=True) if word and len(word) == len(before)]
            return kept or None
        images = [self._image(token) for token in value]
        gone = [token for token, image in zip(value, images, strict=True) if image is None]
        for token in gone:
            self._lose(key, token, is_last=len(gone) == len(value))
        return [image for image in images if image is not None]

    def _image(self, token: int) -> int | None:
        image = int(self.plan.images[token]) if 0 <= token < self.plan.tokens_before else NEW
        return None if image == NEW else image

    def _lose(self, key: str, token: int, is_last: bool = True) -> None:
        if key in PROHIBITED:
            return
        if is_last and key not in OPTIONAL:
            size = self.plan.tokens_before
            lack = (
                "the new tokenizer has nothing for it" if token < size else f"the base has {size:,} tokens, none of it"
            )
            raise CheckpointError(
                f"The model's settings give {key} as id {token}, but {lack}, and the model cannot do without. Set it "
                "to the id of the token that is meant, or add that token to the base's tokenizer, and try again."
            )
        self.losses.append(f"{key} {token} has no token any more")
