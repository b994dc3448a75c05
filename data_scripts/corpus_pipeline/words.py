"""Words of any language without a dictionary, as datatrove's filters ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import regex
from datatrove.utils.word_tokenizers import WordTokenizer

__all__ = ["UNSPACED", "SpaceWords", "script_share"]

UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}"
"""Scripts that put no space between words: each of their characters counts as a word."""

WORD = regex.compile(rf"[{UNSPACED}]\p{{M}}*|(?:(?![{UNSPACED}])[\w\p{{M}}])+|[^\w\s]")
SENTENCE = regex.compile(r"[^.!?。！？।؟\n]+[.!?。！？।؟]*[\"'”’)\]]*|[.!?。！？।؟]+")
LETTERS = regex.compile(r"\p{L}+")


class SpaceWords(WordTokenizer):  # type: ignore[misc]  # datatrove has no annotations
    """Words between spaces, apart from their punctuation; sentences up to a full stop or the end of a line.

    datatrove's own tokenizers need a download (NLTK) or an analyser for each language (kiwipiepy for Korean). All that
    its filters do with words is to count them, their lengths and their n-grams.
    """

    def __init__(self) -> None:
        super().__init__()

    # Filters cache by text and tokenizer, and workers hold copies of one.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, SpaceWords)

    def __hash__(self) -> int:
        return hash(SpaceWords)

    def word_tokenize(self, text: str) -> list[str]:
        """Split a text into words and single marks."""
        return WORD.findall(text)

    def sent_tokenize(self, text: str) -> list[str]:
        """Split a text into sentences."""
        return [sentence.strip() for sentence in SENTENCE.findall(text) if sentence.strip()]

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        """Return where the sentences are."""
        return list(self._spans(text))

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        for found in SENTENCE.finditer(text):
            if found.group().strip():
                yield found.span()


@cache
def _letters_of(script: str) -> regex.Pattern[str]:
    return regex.compile(rf"[\p{{Script={script}}}&&\p{{L}}]+", regex.V1)


def script_share(text: str, script: str) -> tuple[int, float]:
    """Return the letters of a text, and the share of them that belongs to a script."""
    letters = sum(map(len, LETTERS.findall(text)))
    ours = sum(map(len, _letters_of(script).findall(text)))
    return letters, ours / letters if letters else 0.0
