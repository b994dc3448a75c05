"""Variants: which methods are compared, with which options."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vocabx.core.errors import InputError
from vocabx.initializers.table import INITIALIZERS

__all__ = ["BASE", "Variant", "parse_variants"]

BASE = "base"
"""The label of the model as it was."""
WHOLE_NUMBER = re.compile(r"[+-]?\d+")


@dataclass(frozen=True)
class Variant:
    """A method with options; `label` is what the user wrote."""

    label: str
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Variant:
        """Read ``NAME[:OPTION=VALUE[:OPTION=VALUE...]]``; raise `InputError` where it is not that.

        >>> Variant.parse("random:scale=0.1")
        Variant(label='random:scale=0.1', method='random', options={'scale': 0.1})
        """
        label = text.strip()
        method, *settings = label.split(":")
        INITIALIZERS[method]
        options = {}
        for setting in settings:
            name, equals, value = setting.partition("=")
            if not name or not equals:
                raise InputError(f"The method {label!r} has {setting!r} where NAME=VALUE is expected.")
            options[name.replace("-", "_")] = _value(value)
        return cls(label, method, options)


def _value(text: str) -> Any:
    if text in ("yes", "no"):
        return text == "yes"
    if WHOLE_NUMBER.fullmatch(text):
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text


def parse_variants(texts: Sequence[str]) -> tuple[Variant, ...]:
    """Read several, each of which may be a list with commas; refuse none, and one that is there twice."""
    labels = [label for text in texts for label in text.split(",") if label.strip()]
    variants = tuple(map(Variant.parse, labels))
    if not variants:
        raise InputError("There is no method to compare. Name some with --methods.")
    seen = [variant.label for variant in variants]
    for label in seen:
        if seen.count(label) > 1:
            raise InputError(f"The method {label!r} is named twice.")
    return variants
