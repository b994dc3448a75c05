"""Labelled words: keys such as ``kor:$사람$``, of which one file holds those of many languages (ColexNet+)."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from vocabx.aligners.spaces.word_vectors import WordVectors
from vocabx.core.arrays import Floats
from vocabx.core.errors import InputError

__all__ = ["LabelledWords", "is_labelled", "labelled_words"]

KEY = re.compile(r"([a-z]{3}):(.+)", re.DOTALL)
BOUNDARY = "$"
ENGLISH = "eng"


@dataclass(frozen=True)
class LabelledWords:
    """Words of several languages; one spelling may stand for words of several.

    Attributes
    ----------
    texts : tuple of str
        A leading space says that the word begins where its key has a word boundary. Length W.
    languages : tuple of str
        ISO 639-3 codes. Length W.
    rows : ndarray of float32, shape (W, d)
    """

    texts: tuple[str, ...] = field(repr=False)
    languages: tuple[str, ...] = field(repr=False)
    rows: Floats = field(repr=False)

    def of(self, languages: Collection[str]) -> LabelledWords:
        """Keep the words of these languages; all when none is named.

        Raises
        ------
        InputError
            When there is no word of one of them.
        """
        if not languages:
            return self
        if missing := sorted(set(languages) - set(self.languages)):
            raise InputError(f"The vectors hold no word of the languages {', '.join(missing)} (ISO 639-3 codes).")
        kept = [place for place, language in enumerate(self.languages) if language in languages]
        return LabelledWords(
            tuple(self.texts[place] for place in kept), tuple(self.languages[place] for place in kept), self.rows[kept]
        )


def is_labelled(words: WordVectors) -> bool:
    """Whether more than half of the words are keys with a language code; words of a text never are."""
    return sum(KEY.fullmatch(word) is not None for word in words.words) * 2 > len(words)


def labelled_words(words: WordVectors) -> LabelledWords:
    """Read keys: a code and a colon, and none for English; ``$`` is a word boundary.

    >>> labelled = labelled_words(WordVectors(("kor:$물$", "water"), np.eye(2, dtype=np.float32)))
    >>> labelled.texts, labelled.languages
    ((' 물', 'water'), ('kor', 'eng'))
    """
    keys = [KEY.fullmatch(word) for word in words.words]
    concepts = [key[2] if key else word for key, word in zip(keys, words.words, strict=True)]
    texts = tuple(concept.replace(BOUNDARY, " ").rstrip() for concept in concepts)
    kept = np.flatnonzero([bool(text.strip()) for text in texts])
    languages = [key[1] if key else ENGLISH for key in keys]
    return LabelledWords(
        tuple(texts[place] for place in kept), tuple(languages[place] for place in kept), words.rows[kept]
    )
