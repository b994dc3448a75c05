"""What a fast tokenizer does to text before its model sees it, in SentencePiece's words."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vocabx.core.errors import TokenizerError

__all__ = ["Normalization", "read_normalization"]


@dataclass(frozen=True)
class Normalization:
    """What SentencePiece does to a text before it looks for pieces."""

    charsmap: bytes = b""
    adds_prefix: bool = False
    removes_extra_spaces: bool = False
    marks_spaces: bool = False

    def describe(self, model: Any) -> None:
        """Write it into a `ModelProto`."""
        specification = model.normalizer_spec
        if not specification.name or specification.precompiled_charsmap != self.charsmap:
            specification.name = "user_defined" if self.charsmap else "identity"
        specification.precompiled_charsmap = self.charsmap
        specification.add_dummy_prefix = self.adds_prefix
        specification.remove_extra_whitespaces = self.removes_extra_spaces
        specification.escape_whitespaces = self.marks_spaces
        model.trainer_spec.treat_whitespace_as_suffix = False


def read_normalization(definition: Mapping[str, Any]) -> Normalization:
    """Say what normaliser and pre-tokenizer of a parsed `tokenizer.json` do, as SentencePiece would.

    Raises
    ------
    TokenizerError
        When SentencePiece has no such step; the message names it.
    """
    steps = [
        *_steps(definition["normalizer"], "normalizers"),
        *_steps(definition["pre_tokenizer"], "pretokenizers"),
    ]
    charsmap, adds_prefix, removes_extra_spaces, marks_spaces = b"", False, False, False
    for step in steps:
        match step:
            case {"type": "Precompiled", "precompiled_charsmap": str(encoded)}:
                charsmap = base64.b64decode(encoded)
            case {"type": "Prepend", "prepend": "▁"}:
                adds_prefix = True
            case {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}:
                marks_spaces = True
            case {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " " | "▁"}:
                removes_extra_spaces = True
            case {"type": "Strip" | "WhitespaceSplit"}:
                removes_extra_spaces = True
            case {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme}:
                marks_spaces = True
                adds_prefix |= scheme != "never"
            case {"type": "Split", "pattern": {"String": " "}} if marks_spaces:
                pass  # no space is left to split at
            case _:
                raise TokenizerError(
                    f"SentencePiece cannot express the step {step['type']} of the tokenizer's pipeline, so no .model "
                    "that gives the same ids can be written; use tokenizer.json."
                )
    return Normalization(charsmap, adds_prefix, removes_extra_spaces, marks_spaces)


def _steps(stage: dict[str, Any] | None, members: str) -> Iterator[dict[str, Any]]:
    """Yield the steps of a stage, sequences within sequences laid flat."""
    if stage is None:
        return
    if stage["type"] != "Sequence":
        yield stage
    for member in stage.get(members, ()):
        yield from _steps(member, members)
