"""Tagging: a tag for each word, learned from sentences of one language, answered in that one and others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from vocabx.core.arrays import Ints
from vocabx.core.errors import InputError
from vocabx.core.say import Say
from vocabx.eval.finetune.conll import Sentences
from vocabx.eval.finetune.learner import IGNORED, Example, Opener, open_learner, open_stock
from vocabx.eval.finetune.recipe import Recipe
from vocabx.eval.finetune.training import say_steps

__all__ = ["Tagged", "encode_sentences", "learn_tagging", "tag_set"]

KIND = "AutoModelForTokenClassification"
NOWHERE = -1


@dataclass(frozen=True)
class Tagged:
    """The tags that each of S seeds gives to the words of U sentences, and how many words it did not get to see."""

    tags: Sequence[Sequence[Sequence[str]]]
    unseen: int


def tag_set(train: Sentences, tests: Mapping[str, Sentences]) -> list[str]:
    """Return the tags of the training sentences: O, then B and I of each kind.

    Raises
    ------
    InputError
        When there is no entity to learn, or a test has one of a kind that the training sentences lack.
    """
    kinds = train.kinds
    if not kinds:
        raise InputError("The training sentences have no entity; every tag is O.")
    for language, sentences in tests.items():
        unknown = sorted(set(sentences.kinds) - set(kinds))
        if unknown:
            raise InputError(
                f"The test {language!r} has entities of the kind {unknown[0]}, which cannot be learned: the training "
                f"sentences have {', '.join(kinds)}."
            )
    return ["O", *(f"{letter}-{kind}" for kind in kinds for letter in "BI")]


def learn_tagging(
    directory: Path,
    train: Sentences,
    tests: Mapping[str, Sentences],
    recipe: Recipe,
    seeds: Sequence[int],
    say: Say,
    *,
    opener: Opener = open_stock,
    device: str | None = None,
) -> dict[str, Tagged]:
    """Fine-tune a model for each seed, on the first token of each word, and have it tag the words of the tests.

    A word whose first token does not fit into the recipe's length, or which the tokenizer leaves out, is tagged O.
    """
    tags = tag_set(train, tests)
    answers: dict[str, list[list[list[str]]]] = {language: [] for language in tests}
    unseen = dict.fromkeys(tests, 0)
    for seed in seeds:
        where = f"{directory.name}, seed {seed}"
        learner = open_learner(directory, KIND, tags, seed, opener=opener, device=device)
        room = learner.room(recipe)
        examples, _ = encode_sentences(learner.tokenizer, train, tags, room)
        learner.fit(examples, recipe, seed, say_steps(say, where))
        for language, sentences in tests.items():
            examples, places = encode_sentences(learner.tokenizer, sentences, tags, room)
            found = learner.answer(examples, recipe)
            answers[language].append([_read(labels, words, tags) for labels, words in zip(found, places, strict=True)])
            unseen[language] = sum(int((words == NOWHERE).sum()) for words in places)
    return {language: Tagged(found, unseen[language]) for language, found in answers.items()}


def _read(labels: Ints, places: Ints, tags: Sequence[str]) -> list[str]:
    return ["O" if place == NOWHERE else tags[labels[place]] for place in places]


def encode_sentences(
    tokenizer: Any, sentences: Sentences, tags: Sequence[str], room: int
) -> tuple[list[Example], list[Ints]]:
    """Encode sentences as text with a space between words, cut off at `room` tokens.

    Returns
    -------
    examples : list of Example
        Labels are at the first token of each word, the first that holds a character of it; others teach nothing. A
        token that holds the beginnings of two words belongs to the first.
    places : list of ndarray of int64
        For each sentence, the token of each word; -1 for one without.
    """
    if not tokenizer.is_fast:
        raise InputError(
            "The tokenizer does not say which characters a token is of, so words cannot be tagged with it."
        )
    texts = [" ".join(words) for words in sentences.words]
    encoded = tokenizer(
        texts, truncation=True, max_length=room, return_offsets_mapping=True, return_attention_mask=True, verbose=False
    )
    offsets = encoded.pop("offset_mapping")
    numbers = {tag: number for number, tag in enumerate(tags)}
    examples, places = list[Example](), list[Ints]()
    for row, words in enumerate(sentences.words):
        places.append(first_tokens(words, offsets[row]))
        labels = [IGNORED] * len(offsets[row])
        for place, tag in zip(places[-1].tolist(), sentences.tags[row], strict=True):
            if place != NOWHERE:
                labels[place] = numbers[tag]
        examples.append({**{name: rows[row] for name, rows in encoded.items()}, "labels": labels})
    return examples, places


def first_tokens(words: Sequence[str], offsets: Sequence[tuple[int, int]]) -> Ints:
    """Return the first token of each word, shape (words,), by the characters of the joined text that tokens are of."""
    begins = [0, *accumulate(len(word) + 1 for word in words)][: len(words)]
    found = np.full(len(words), NOWHERE, np.int64)
    token = 0
    for number, (begin, word) in enumerate(zip(begins, words, strict=True)):
        # Special tokens are of no character, and a token that ends before the word is of the space or the word before.
        while token < len(offsets) and (offsets[token][1] <= begin or offsets[token][0] == offsets[token][1]):
            token += 1
        if token < len(offsets) and offsets[token][0] < begin + len(word):
            found[number] = token
            token += 1
    return found
