"""What is asked of a new tokenizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vocabx.core.errors import InputError, UnknownNameError
from vocabx.core.setting_types import check_types
from vocabx.core.tokens import ROLES
from vocabx.tokenizer_tools.surfaces import check_control_token

__all__ = ["TrainingOptions", "check_special_tokens"]


@dataclass(frozen=True)
class TrainingOptions:
    """What is asked of a new tokenizer.

    Attributes
    ----------
    family : str, optional
        A name of the table of families; left out when the tokenizer is made like another one.
    size : int, optional
        Ids of the tokenizer, exactly, special tokens included. By default those of the tokenizer it is made like.
    minimum_frequency : int
        A pair of tokens that occurs less often in the corpus is not merged; Unigram does not ask.
    longest : int
        Characters in the longest token, a leading space included.
    character_coverage : float, optional
        Share of the corpus's characters that must have a token; the rarest go without. By default 0.9995 where bytes
        spell them instead and 1 where they would be unknown. Byte-level vocabularies have no use for it.
    compose : bool
        Bring the corpus to Unicode NFC, as nearly all Korean text is written. A new tokenizer of the `tokenizers`
        library then has NFC as its normaliser; one made like another keeps the normaliser of that one, and a
        SentencePiece model has none.
    special : mapping of str to str
        Special tokens by role; the others are those of the family or of the tokenizer it is made like.
    """

    family: str | None = None
    size: int | None = None
    minimum_frequency: int = 2
    longest: int = 16
    character_coverage: float | None = None
    compose: bool = True
    special: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_types(self)
        if self.size is not None and self.size < 1:
            raise InputError(f"The size of the vocabulary must be at least 1, got {self.size}.")
        if self.longest < 1 or self.minimum_frequency < 1:
            raise InputError("The longest token and the minimum frequency must be at least 1.")
        if self.character_coverage is not None and not 0 < self.character_coverage <= 1:
            raise InputError(f"The character coverage is a share above 0 up to 1, got {self.character_coverage}.")
        check_special_tokens(self.special)


def check_special_tokens(special: Mapping[str, str]) -> None:
    """Raise `UnknownNameError` for a role that does not exist and `InputError` for a token without a text."""
    for role, text in special.items():
        if role not in ROLES:
            raise UnknownNameError("role of a special token", role, ROLES)
        if not text or text.isspace():
            raise InputError(f"The special token of the role {role} has no text: write it as {role}=TEXT.")
        check_control_token(text)
