"""Vocabularies learned by merging pairs: BPE of both kinds, and WordPiece."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vocabx.tokenizer_tools.surfaces import CHARACTER_OF_BYTE, CONTINUATION
from vocabx.tokenizer_tools.train.learned import Learned, Lesson
from vocabx.tokenizer_tools.train.material import CUT

__all__ = ["PairLearner", "WordPieceLearner"]

SPARE = 64
LONGEST_CHARACTER = 4
"""Bytes of a character in UTF-8, at most."""

INSIDE = 0xF0000
"""First of the code points that stand for characters inside a word; no alphabet holds these."""


@dataclass(frozen=True)
class PairLearner:
    """Byte-pair encoding by the `BpeTrainer` of the `tokenizers` library."""

    def learn(self, lesson: Lesson) -> Learned:
        """Learn merges of parts of words; see `Learner`."""
        alphabet = lesson.material.alphabet
        merges = learn_pairs(lesson, alphabet, lesson.room - len(alphabet))
        return Learned(tuple(dict.fromkeys((*alphabet, *map("".join, merges)))), tuple(merges))


@dataclass(frozen=True)
class WordPieceLearner:
    """Merges of pairs, of which WordPiece keeps only the results; a character inside a word is not that at its start.

    It is what the `WordPieceTrainer` of the `tokenizers` library does, but that numbers the characters inside words in
    the order of a hash table, so that ties fall another way each time.
    """

    def learn(self, lesson: Lesson) -> Learned:
        """Learn pieces; every character of the alphabet gets both forms; see `Learner`."""
        alphabet = lesson.material.alphabet
        inside = {character: chr(INSIDE + number) for number, character in enumerate(alphabet)}
        spelling = str.maketrans({letter: CONTINUATION + character for character, letter in inside.items()})
        to_inside = str.maketrans(inside)

        def mark(word: str) -> str:
            return word[0] + word[1:].translate(to_inside)

        letters = (*alphabet, *inside.values())
        merges = learn_pairs(lesson, letters, lesson.room - len(letters), mark)
        outside = str.maketrans({letter: character for character, letter in inside.items()})
        pieces = [letter.translate(spelling) for letter in letters]
        for left, right in merges:
            whole = (left + right).translate(outside)
            pieces.append(CONTINUATION + whole if left[0] in to_inside.values() else whole)
        return Learned(tuple(dict.fromkeys(pieces)))


def learn_pairs(
    lesson: Lesson, alphabet: tuple[str, ...], wanted: int, spell: Callable[[str], str] = str
) -> list[tuple[str, str]]:
    """Return merges, in order, of which exactly `wanted` results are distinct, or fewer where the text has no more.

    Merges whose result is too long or spells a special token are left out, with all that are built on it.
    """
    asked = wanted
    while asked > 0:
        found = _train(lesson, alphabet, asked, spell)
        kept = list(_usable(lesson, found, alphabet, wanted))
        missing = wanted - _results(kept)
        if not missing or _results(found) < asked:
            return kept
        asked += 2 * missing + SPARE
    return []


def _results(merges: list[tuple[str, str]]) -> int:
    return len({left + right for left, right in merges})


def _usable(
    lesson: Lesson, merges: list[tuple[str, str]], alphabet: tuple[str, ...], wanted: int
) -> Iterator[tuple[str, str]]:
    """Yield merges of known pieces into allowed ones, until there are `wanted` results."""
    known = set(alphabet)
    forbidden, width = lesson.forbidden, _width(lesson)
    for left, right in merges:
        whole = left + right
        if left in known and right in known and whole not in forbidden and width(whole) <= lesson.options.longest:
            if whole not in known and len(known) == len(alphabet) + wanted:
                return
            known.add(whole)
            yield left, right


def _width(lesson: Lesson) -> Callable[[str], int]:
    """Return a function that counts the characters of a piece; of bytes, those that begin one."""
    if not lesson.blueprint.is_byte_level:
        return len
    following = {CHARACTER_OF_BYTE[byte] for byte in range(0x80, 0xC0)}
    return lambda piece: sum(letter not in following for letter in piece)


def _train(lesson: Lesson, alphabet: tuple[str, ...], size: int, spell: Callable[[str], str]) -> list[tuple[str, str]]:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Split(CUT, "removed")
    bytes_each = LONGEST_CHARACTER if lesson.blueprint.is_byte_level else 1
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + size,
        min_frequency=lesson.options.minimum_frequency,
        initial_alphabet=list(alphabet),
        max_token_length=lesson.options.longest * bytes_each + 1,  # it means "shorter than"
        show_progress=False,
    )
    tokenizer.train_from_iterator(lesson.material.repeated(spell), trainer)
    return [(left, right) for left, right in json.loads(tokenizer.to_str())["model"]["merges"]]
