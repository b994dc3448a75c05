"""Tiny models in directories: a base, one that vocabx extended, a masked one; and texts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.eval.encoders import tiny_encoder
from tests.eval.models import tiny_model, tiny_tokenizer, write_model

__all__ = ["ENGLISH", "KOREAN", "Directories", "write_directories"]

KOREAN = ["한국어 문장입니다", "한국어 문장", "", "문장입니다 한국어", "말 한국어"]
ENGLISH = ["Hello, world!", "a", " ", "the quick brown fox", "x" * 100]


@dataclass(frozen=True)
class Directories:
    """Where they are."""

    base: Path
    extended: Path
    masked: Path
    korean: Path
    english: Path


def write_directories(root: Path) -> Directories:
    """Write them."""
    from vocabx import extend

    tokenizer = tiny_tokenizer(bos_token="<s>", eos_token="</s>")
    base = write_model(root / "base", tiny_model(len(tokenizer)), tokenizer)
    encoder = tiny_encoder()
    masked = write_model(root / "masked", encoder.model, encoder.tokenizer)
    korean, english = root / "ko.txt", root / "en.txt"
    korean.write_text("\n".join(KOREAN) + "\n", "utf-8")
    english.write_text("\n".join(ENGLISH) + "\n", "utf-8")
    corpus = root / "corpus.txt"
    corpus.write_text("\n".join(KOREAN * 20), "utf-8")
    extend(base, corpus, root / "extended", size=8, minimum_frequency=2)
    return Directories(base, root / "extended", masked, korean, english)
