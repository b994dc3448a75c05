"""Inference: whether a hypothesis follows, learned from pairs of one language, answered in that one and others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vocabx.core.arrays import Bools, Ints
from vocabx.core.say import Say
from vocabx.eval.finetune.learner import Example, Opener, open_learner, open_stock
from vocabx.eval.finetune.pairs import LABELS, Pairs
from vocabx.eval.finetune.recipe import Recipe
from vocabx.eval.finetune.training import say_steps

__all__ = ["encode_pairs", "learn_inference"]

KIND = "AutoModelForSequenceClassification"


def learn_inference(
    directory: Path,
    train: Pairs,
    tests: Mapping[str, Pairs],
    recipe: Recipe,
    seeds: Sequence[int],
    say: Say,
    *,
    folds: Ints | None = None,
    opener: Opener = open_stock,
    device: str | None = None,
) -> dict[str, Ints]:
    """Fine-tune a model for each seed and fold, and have it answer what it was not trained on.

    Parameters
    ----------
    directory : Path
        The model, with its tokenizer.
    train : Pairs
        N pairs to learn from.
    tests : mapping of str to Pairs
        Pairs to answer, by language.
    recipe : Recipe
    seeds : sequence of int
        Of the new head, the order of examples and dropout.
    say : Say
    folds : ndarray of int64, shape (N,), optional
        The fold of each row of `train` and, aligned with it, of all `tests`. Rows of a fold are answered by a model
        that was trained on the rows of `train` in the other folds. Without, one model learns from all and answers all.
    opener : Opener
    device : {"cpu", "cuda"}, optional

    Returns
    -------
    dict of str to ndarray of int64, shape (S, M)
        For each language what each of S seeds answers to its M pairs, as places in `LABELS`.
    """
    answers = {language: np.full((len(seeds), len(pairs)), -1) for language, pairs in tests.items()}
    for number, seed in enumerate(seeds):
        for name, learned, held_out in _rounds(train, tests, folds):
            where = f"{directory.name}, seed {seed}{name}"
            learner = open_learner(directory, KIND, LABELS, seed, opener=opener, device=device)
            room = learner.room(recipe)
            examples = encode_pairs(learner.tokenizer, train.choose(np.flatnonzero(learned)), room)
            learner.fit(examples, recipe, seed, say_steps(say, where))
            for language, pairs in tests.items():
                rows = np.flatnonzero(held_out[language])
                found = learner.answer(encode_pairs(learner.tokenizer, pairs.choose(rows), room), recipe)
                answers[language][number, rows] = np.concatenate(found)
    return answers


def _rounds(train: Pairs, tests: Mapping[str, Pairs], folds: Ints | None) -> list[tuple[str, Bools, dict[str, Bools]]]:
    """Return the name of each round, which rows are learned, and which are answered."""
    if folds is None:
        everything = {language: np.ones(len(pairs), np.bool_) for language, pairs in tests.items()}
        return [("", np.ones(len(train), np.bool_), everything)]
    count = int(folds.max()) + 1
    return [
        (f", fold {fold + 1} of {count}", folds != fold, dict.fromkeys(tests, folds == fold)) for fold in range(count)
    ]


def encode_pairs(tokenizer: Any, pairs: Pairs, room: int) -> list[Example]:
    """Encode premise and hypothesis as one example of `room` tokens at most, cut off where the longer one ends.

    A tokenizer without a token that separates them, such as a decoder's, gets a line break between them.
    """
    hypotheses = list(pairs.hypotheses)
    if tokenizer.sep_token is None:
        hypotheses = [f"\n{text}" for text in hypotheses]
    encoded = tokenizer(
        list(pairs.premises),
        hypotheses,
        truncation="longest_first",
        max_length=room,
        return_attention_mask=True,
        verbose=False,
    )
    labels = pairs.labels.tolist()
    return [{**{name: rows[row] for name, rows in encoded.items()}, "labels": labels[row]} for row in range(len(pairs))]
