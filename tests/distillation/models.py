"""A small extended model whose head is tied or not, with its text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import vocabx
from tests.extension.bases import learning, save_tokenizer, transformers_model
from tests.tokenizer_tools.toys import byte_level
from vocabx.distillation.settings import DistillationSettings
from vocabx.distillation.subject import Subject, open_manifest, open_subject

__all__ = ["Extended", "extend_small"]


@dataclass(frozen=True)
class Extended:
    """A base, what was made of it, and the text that its tokens were learned from."""

    base: Path
    directory: Path
    corpus: Path

    def open(self, settings: DistillationSettings | None = None) -> Subject:
        return open_subject(self.directory, open_manifest(self.directory), None, settings or DistillationSettings())


def extend_small(root: Path, *, tied: bool = True, dtype: str = "bfloat16") -> Extended:
    base = root / "base"
    model = transformers_model("llama", len(byte_level().tokens) + 3, dtype, tie_word_embeddings=tied)
    model.save_pretrained(base)
    save_tokenizer(base)
    given = learning(root)
    vocabx.extend(base, given["corpus"], root / "extended", size=given["size"], source_sample=given["source_sample"])
    return Extended(base, root / "extended", given["corpus"])
