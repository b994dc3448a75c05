"""Tasks that a tiny model learns in a second: the label is the one letter that the hypothesis, or the word, is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.eval.encoders import CONTEXT, PIECES, wordpiece
from tests.eval.models import write_model
from vocabx.core.arrays import Ints
from vocabx.eval.finetune.conll import Sentences
from vocabx.eval.finetune.pairs import LABELS, Pairs
from vocabx.eval.finetune.recipe import Recipe

__all__ = ["QUICK", "toy_model", "toy_pairs", "toy_sentences", "write_conll", "write_pairs"]

QUICK = Recipe(steps=80, learning_rate=1e-2, batch_size=12, max_length=16)
TELLING = "abc"
"""The hypothesis that goes with each label."""


def toy_model(directory: Path, seed: int = 0, rows: int = len(PIECES)) -> Path:
    """Write a small random encoder with its tokenizer."""
    import torch
    import transformers

    torch.manual_seed(seed)
    config = transformers.BertConfig(
        vocab_size=rows,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=CONTEXT,
        pad_token_id=0,
        initializer_range=0.1,
    )
    model: Any = transformers.BertModel(config)
    return write_model(directory, model, wordpiece())


def toy_pairs(premises: int, seed: int = 0) -> Pairs:
    """Return three pairs for each premise, one of each label."""
    rng = np.random.default_rng(seed)
    texts = [f"{'de'[place % 2] * (place % 5 + 1)} {' '.join(rng.choice(list('def'), 6))}" for place in range(premises)]
    labels = np.tile(np.arange(3), premises)
    return Pairs([text for text in texts for _ in LABELS], [TELLING[label] for label in labels], labels)


def toy_sentences(count: int, seed: int = 0) -> Sentences:
    """Return sentences of letters: `ab cd` is a person, `e` a place."""
    rng = np.random.default_rng(seed)
    parts = [(["ab", "cd"], ["B-PER", "I-PER"]), (["e"], ["B-LOC"]), (["f"], ["O"])]
    words, tags = list[list[str]](), list[list[str]]()
    for _ in range(count):
        chosen = [parts[part] for part in rng.integers(len(parts), size=3)]
        words.append([word for part in chosen for word in part[0]])
        tags.append([tag for part in chosen for tag in part[1]])
    return Sentences(words, tags)


def write_pairs(path: Path, pairs: Pairs, rows: Ints | None = None) -> Path:
    """Write a file as XNLI has it."""
    pairs = pairs if rows is None else pairs.choose(rows)
    lines = [
        f"{premise}\t{hypothesis}\t{LABELS[label]}\n"
        for premise, hypothesis, label in zip(pairs.premises, pairs.hypotheses, pairs.labels, strict=True)
    ]
    path.write_text("sentence1\tsentence2\tgold_label\n" + "".join(lines))
    return path


def write_conll(path: Path, sentences: Sentences) -> Path:
    """Write a file with two columns."""
    blocks = (
        "".join(f"{word}\t{tag}\n" for word, tag in zip(words, tags, strict=True))
        for words, tags in zip(sentences.words, sentences.tags, strict=True)
    )
    path.write_text("\n".join(blocks))
    return path
