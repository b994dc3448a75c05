"""Small tokenizers, corpora and stores for the tests of what training reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.eval.models import tiny_tokenizer
from vocabx.core.corpus import Corpus
from vocabx.training.sequences.token_store import TokenStore

__all__ = ["BOS", "EOS", "framed_tokenizer", "held_store", "write_corpus"]

BOS, EOS = 256, 257


def framed_tokenizer() -> Any:
    """Return a byte-level tokenizer that puts BOS before a text and has an EOS."""
    from tokenizers import processors

    tokenizer = tiny_tokenizer(bos_token="<s>", eos_token="</s>")
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", BOS)]
    )
    return tokenizer


def write_corpus(file: Path, lines: Sequence[str]) -> Corpus:
    """Write lines, and open them."""
    file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return Corpus.open([file])


def held_store(documents: Sequence[Sequence[int]], sizes: Sequence[int] | None = None) -> TokenStore:
    """Return a store that holds its documents in memory; without sizes each token is one byte."""
    ids = np.array([token for document in documents for token in document], np.uint32)
    ends = np.cumsum([len(document) for document in documents])
    store = TokenStore(Path("nowhere"), len(documents), len(ids), len(ids))
    held = np.ones(len(ids), np.uint32) if sizes is None else np.array(sizes, np.uint32)
    vars(store).update(ids=ids, sizes=held, ends=ends)
    return store
