"""Tokenizers trained once for all tests: one of every family, and one like every toy."""

from __future__ import annotations

from functools import cache

from tests.tokenizer_tools.toys import TOYS, english, korean
from vocabx.tokenizer_tools.train.families import FAMILIES
from vocabx.tokenizer_tools.train.options import TrainingOptions
from vocabx.tokenizer_tools.train.train import train_tokenizer
from vocabx.tokenizer_tools.train.trained import TrainedTokenizer

__all__ = ["FAMILY_NAMES", "LIKE_NAMES", "NAMES", "SIZE", "lines", "trained"]

SIZE = 2200
FAMILY_NAMES = tuple(FAMILIES)
LIKE_NAMES = tuple(f"like {name}" for name in TOYS)
NAMES = (*FAMILY_NAMES, *LIKE_NAMES)


@cache
def lines() -> tuple[str, ...]:
    """Korean and English lines, and runs of spaces and digits."""
    return (*korean(), *english(), *["x  =   12345", "한국  2024년"] * 5)


@cache
def trained(name: str) -> TrainedTokenizer:
    """Train a tokenizer of a family, or like a toy."""
    if name in FAMILIES:
        return train_tokenizer([lines()], TrainingOptions(family=name, size=SIZE))
    return train_tokenizer([lines()], TrainingOptions(size=SIZE), like=TOYS[name.removeprefix("like ")]())
