"""A transfer between two toy tokenizers, and a space's vectors by the text of tokens."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.tokenizer_tools.toys import byte_level, korean, metaspace
from vocabx.core.arrays import Floats
from vocabx.core.corpus import Corpus
from vocabx.core.segmenter import Segmenter
from vocabx.core.transfer import Materials, Transfer

__all__ = ["korean_corpus", "to_korean", "vector_of"]


def to_korean(source: Segmenter | None = None, target: Segmenter | None = None, **materials: Any) -> Transfer:
    """From byte-level to metaspace, unless other tokenizers are given; all that is not shared is new."""
    source, target = source or byte_level(), target or metaspace()
    transfer = Transfer(source, target, np.arange(0), source.tokens.is_text, materials=Materials(**materials))
    return transfer.with_new_ids(np.flatnonzero((transfer.shared < 0) & target.tokens.is_text))


def korean_corpus(folder: Any, copies: int = 1) -> Corpus:
    """Korean lines in a file."""
    file = folder / "korean.txt"
    file.write_text("\n".join(korean() * copies), encoding="utf-8")
    return Corpus.open([file])


def vector_of(rows: Floats, segmenter: Segmenter, text: str) -> Floats:
    """Return the row of the token that is this text."""
    return np.asarray(rows[segmenter.tokens.id_of_surface[text.encode(), text.startswith(" ")]])
