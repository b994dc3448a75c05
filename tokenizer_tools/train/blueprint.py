"""Blueprint: everything of a tokenizer but its vocabulary."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vocabx.tokenizer_tools.surfaces import Family

if TYPE_CHECKING:
    from vocabx.tokenizer_tools.read import FastSegmenter

__all__ = ["BYTE_PIECES", "PARTS_OF_WORDS", "Blueprint", "SpecialToken", "isolated", "tokens_of", "with_ids"]

BYTE_PIECES = tuple(f"<0x{byte:02X}>" for byte in range(256))

LETTERS = r"\p{L}\p{M}\u200C\u200D"
PARTS_OF_WORDS = {
    single: rf"▁+(?![^▁])|{number}|▁?[{LETTERS}]+|▁?[^▁\p{{N}}{LETTERS}]+|▁"
    for single, number in ((True, r"\p{N}"), (False, r"▁?\p{N}+"))
}
"""Where text is cut in which ▁ stands for a space: runs of spaces, numbers (or single digits), letters, other signs."""

DIGIT = "[0-9]"

EMPTY_MODELS: Mapping[Family, Mapping[str, Any]] = {
    Family.METASPACE: {"type": "BPE", "vocab": {}, "merges": []},
    Family.WORDPIECE: {
        "type": "WordPiece",
        "vocab": {},
        "unk_token": "",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 0,
    },
}
"""Models that hold nothing. Those of the other families read words as the first does."""


@dataclass(frozen=True)
class SpecialToken:
    """A token that is matched in text before everything else, or is never produced from text.

    `is_first` says whether its id comes before those of text or after; `in_model` whether the model's vocabulary holds
    it too. `matching` are the flags of an added token of the `tokenizers` library.
    """

    text: str
    is_first: bool = True
    in_model: bool = True
    matching: Mapping[str, bool] = field(default_factory=dict)

    def to_json(self, token: int) -> dict[str, Any]:
        """Return the entry of `tokenizer.json`."""
        flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        return {"id": token, "content": self.text, **flags, **self.matching}


@dataclass(frozen=True)
class Blueprint:
    """Everything of a tokenizer but its vocabulary.

    Attributes
    ----------
    family : Family
    pipeline : mapping
        Normaliser, pre-tokenizer, post-processor, decoder and the model's settings, as `tokenizer.json` writes them;
        the model's vocabulary in it is not used.
    special : tuple of SpecialToken
        In the order of their ids.
    roles : mapping of str to str
        Text of the special token of each role.
    has_bytes : bool
        Whether the vocabulary holds the 256 tokens `<0x00>` to `<0xFF>`.
    single_digits : bool
        Whether no token holds two digits, even where the pipeline does not split them.
    controls : frozenset of str
        Control characters, such as tabs, that may be in tokens.
    """

    family: Family
    pipeline: Mapping[str, Any]
    special: tuple[SpecialToken, ...]
    roles: Mapping[str, str]
    has_bytes: bool = False
    single_digits: bool = False
    controls: frozenset[str] = frozenset()

    @property
    def first(self) -> tuple[str, ...]:
        """What precedes the learned vocabulary: special tokens, then bytes."""
        return (*(token.text for token in self.special if token.is_first), *(BYTE_PIECES if self.has_bytes else ()))

    @property
    def last(self) -> tuple[str, ...]:
        """Special tokens that follow the learned vocabulary, those outside the model at the end."""
        after = [token for token in self.special if not token.is_first]
        return tuple(token.text for token in sorted(after, key=lambda token: not token.in_model))

    @property
    def is_byte_level(self) -> bool:
        """Whether words reach the model in the alphabet of bytes."""
        return "ByteLevel" in str(self.pipeline["pre_tokenizer"])

    def with_special(self, special: Mapping[str, str]) -> Blueprint:
        """Return a copy in which roles have other tokens; an old one that no other role has goes."""
        roles = {**self.roles, **special}
        renamed = {self.roles[role]: text for role, text in special.items() if role in self.roles}
        renamed = {old: new for old, new in renamed.items() if old not in roles.values()}
        kept = [replace(token, text=renamed.get(token.text, token.text)) for token in self.special]
        distinct = {token.text: token for token in kept}
        added = (SpecialToken(text) for text in special.values() if text not in distinct)
        pipeline = _renamed(dict(self.pipeline), renamed)
        return replace(self, pipeline=pipeline, roles=roles, special=(*distinct.values(), *added))

    @cached_property
    def reader(self) -> FastSegmenter:
        """A tokenizer without a vocabulary that splits text as this one must be trained on it."""
        from tokenizers import Tokenizer

        from vocabx.tokenizer_tools.read import FastSegmenter

        stages = [self.pipeline["pre_tokenizer"]] if self.pipeline["pre_tokenizer"] else []
        if self.family.marks_spaces:
            stages.append(isolated(PARTS_OF_WORDS[self.single_digits]))
        elif self.single_digits:
            stages.append(isolated(DIGIT))
        definition = {
            **self.pipeline,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": stages},
            "post_processor": None,
            "added_tokens": [token.to_json(number) for number, token in enumerate(self.special)],
            "model": EMPTY_MODELS.get(self.family, EMPTY_MODELS[Family.METASPACE]),
        }
        return FastSegmenter.from_backend(Tokenizer.from_str(json.dumps(definition)))


def isolated(pattern: str) -> dict[str, Any]:
    """Return the stage that cuts out whatever a regular expression matches."""
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def with_ids(post_processor: Any, id_of: Callable[[str], int]) -> Any:
    """Return a post-processor, as `tokenizer.json` writes it, with the ids that its tokens have now."""
    match post_processor:
        case {"type": "Sequence", "processors": list(processors)}:
            return {**post_processor, "processors": [with_ids(processor, id_of) for processor in processors]}
        case {"type": "TemplateProcessing", "special_tokens": dict(special)}:
            new = {name: {**entry, "ids": [id_of(text) for text in entry["tokens"]]} for name, entry in special.items()}
            return {**post_processor, "special_tokens": new}
        case {"sep": [str(sep), int()], "cls": [str(cls), int()]}:
            return {**post_processor, "sep": [sep, id_of(sep)], "cls": [cls, id_of(cls)]}
    return post_processor


def tokens_of(post_processor: Any) -> Sequence[str]:
    """Return the texts of the tokens that a post-processor adds."""
    found: list[str] = []

    def remember(text: str) -> int:
        found.append(text)
        return 0

    with_ids(post_processor, remember)
    return found


def _renamed(part: Any, names: Mapping[str, str]) -> Any:
    """Replace the names of special tokens wherever a post-processor or a model's settings hold them."""
    if isinstance(part, dict):
        return {names.get(key, key): _renamed(value, names) for key, value in part.items()}
    if isinstance(part, list):
        return [_renamed(value, names) for value in part]
    return names.get(part, part) if isinstance(part, str) else part
