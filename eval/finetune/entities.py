"""Entities: what the tags of a sentence's words mark, and how many of them were found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vocabx.eval.finetune.tally import Tally

__all__ = ["Entity", "constant_floor", "find_entities", "tally_entities", "to_iob2"]

OPENING, CLOSING = "BSU", "ESLU"


class Entity(NamedTuple):
    """Words `begin` to `end` of a sentence, and what they name."""

    kind: str
    begin: int
    end: int


def find_entities(tags: Sequence[str]) -> list[Entity]:
    """Read tags of IOB1, IOB2, IOBES or BILOU.

    An entity begins at B, S and U, and at any other tag that does not go on with the one before it: where that is
    of another kind, or ends an entity (E, S, L, U). This is how conlleval reads tags, and makes something of every
    sequence that a model may predict.

    Examples
    --------
    >>> find_entities(["I-PER", "I-PER", "B-PER", "O", "S-LOC"])
    [Entity(kind='PER', begin=0, end=2), Entity(kind='PER', begin=2, end=3), Entity(kind='LOC', begin=4, end=5)]
    """
    found, before, ended = list[Entity](), "", True
    for place, tag in enumerate(tags):
        letter, _, kind = tag.partition("-")
        if letter == "O":
            kind, ended = "", True
        elif letter in OPENING or ended or kind != before:
            found.append(Entity(kind, place, place + 1))
            ended = letter in CLOSING
        else:
            found[-1] = found[-1]._replace(end=place + 1)
            ended = letter in CLOSING
        before = kind
    return found


def to_iob2(tags: Sequence[str]) -> list[str]:
    """Spell the same entities in IOB2: B at the first word of each, I at the others, O elsewhere."""
    spelt = ["O"] * len(tags)
    for kind, begin, end in find_entities(tags):
        spelt[begin:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - begin - 1)]
    return spelt


def tally_entities(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[Sequence[str]]]) -> Tally:
    """Count so that the ratio is F1 over whole entities, as conlleval counts them.

    Parameters
    ----------
    gold : sequence of U sequences of str
        Tags of the sentences.
    predicted : sequence of S sequences of U sequences of str
        The same as S seeds predict them.

    Returns
    -------
    Tally
        Of each sentence twice the entities that are right in kind, beginning and end, by those that are there and
        those that were predicted.
    """
    real = [set(find_entities(tags)) for tags in gold]
    parts = np.zeros((len(predicted), len(gold)))
    wholes = np.zeros_like(parts)
    for seed, sentences in enumerate(predicted):
        for place, tags in enumerate(sentences):
            guessed = set(find_entities(tags))
            parts[seed, place] = 2 * len(real[place] & guessed)
            wholes[seed, place] = len(real[place]) + len(guessed)
    return Tally(parts, wholes)


def constant_floor(gold: Sequence[Sequence[str]], tags: Sequence[str]) -> float:
    """Return the F1 of the tag that does best where every word gets it."""
    return max(tally_entities(gold, [[[tag] * len(words) for words in gold]]).value for tag in tags)
