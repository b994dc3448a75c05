"""What may be learned when a tokenizer is extended."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vocabx.core.errors import InputError
from vocabx.core.scripts import check_script
from vocabx.tokenizer_tools.surfaces import check_control_token

__all__ = ["ANY_SCRIPT", "ExtensionOptions"]

ANY_SCRIPT = "any"


@dataclass(frozen=True)
class ExtensionOptions:
    """What may be learned.

    Attributes
    ----------
    size : int, optional
        New tokens, exactly. Without it as many as there are, which only another tokenizer can say.
    minimum_frequency : int
        A pair of tokens that occurs less often in the corpus is not merged.
    longest : int
        Characters in the longest token, a leading space included.
    scripts : tuple of str, optional
        Unicode scripts of which every new token must carry at least one character; ``("any",)`` allows everything.
        By default the scripts that the corpus uses and the source sample does not, or any when there are none.
    source_change_limit : float, optional
        Share of lines of the source sample whose ids may change. By default 0 when the scripts are new to the
        source language, 0.005 when they are not. What the sample does not show, as far as that can be estimated,
        counts too.
    compose : bool
        Bring the corpus to Unicode NFC, as nearly all Korean text is written.
    exclude : str, optional
        A regular expression; a candidate in whose text it is found is not taken.
    digits, punctuation : bool
        Whether a token may hold a digit, or a character that is neither letter, digit nor space.
    reuse_reserved : bool
        Take slots that the tokenizer's makers kept free (`<unused7>`, `<|reserved_special_token_7|>`, `[unused7]`)
        before the vocabulary grows.
    control_tokens : tuple of str
        Tokens such as `<|tool|>`, on top of `size`, that are cut out of a text before it is segmented.
    """

    size: int | None
    minimum_frequency: int = 5
    longest: int = 16
    scripts: tuple[str, ...] | None = None
    source_change_limit: float | None = None
    compose: bool = True
    exclude: str | None = None
    digits: bool = True
    punctuation: bool = True
    reuse_reserved: bool = False
    control_tokens: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.size is not None and self.size < 1:
            raise InputError(f"The number of new tokens must be at least 1, got {self.size}.")
        if self.longest < 1 or self.minimum_frequency < 1:
            raise InputError("The longest token and the minimum frequency must be at least 1.")
        if self.source_change_limit is not None and not 0 <= self.source_change_limit <= 1:
            raise InputError(
                f"The limit on changed source lines is a share from 0 to 1, got {self.source_change_limit}."
            )
        try:
            re.compile(self.exclude or "")
        except re.error as error:
            raise InputError(f"The exclusion {self.exclude!r} is no regular expression: {error}.") from error
        for token in self.control_tokens:
            check_control_token(token)
        if self.scripts is not None and self.scripts != (ANY_SCRIPT,):
            object.__setattr__(self, "scripts", tuple(map(check_script, self.scripts)))
