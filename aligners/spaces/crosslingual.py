"""AlignedWords: word vectors of two languages, one turned into the space of the other (WECHSEL)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vocabx.aligners.space import TokenVectors
from vocabx.aligners.spaces.dictionary import read_dictionary
from vocabx.aligners.spaces.language_words import (
    check_dimensions,
    of_one_dimension,
    one_file,
    source_words,
    target_words,
)
from vocabx.aligners.spaces.procrustes import Procrustes, Rows, identical_words, joined, matched_rows
from vocabx.aligners.spaces.published import published_token_vectors
from vocabx.aligners.spaces.read_vectors import read_vectors
from vocabx.aligners.spaces.shared import require_shared
from vocabx.aligners.spaces.token_vectors import WAYS, token_vectors
from vocabx.aligners.spaces.trained import Trained
from vocabx.aligners.spaces.translation import Translation, measure_translation
from vocabx.aligners.spaces.word_vectors import WordVectors
from vocabx.core.errors import InputError, UnknownNameError
from vocabx.core.scripts import script_shares
from vocabx.core.tokens import TokenTable
from vocabx.core.transfer import Transfer

__all__ = ["AlignedWords", "scripts_of"]

LEAST_SHARE = 0.05
"""A script with a smaller share of the new tokens' letters is not the language's."""

REDUCE = ", or shorten the longer ones with --method-option reduce=yes"

SPLIT = 1
"""Stream of the draw that holds words out."""


@dataclass(frozen=True, kw_only=True)
class AlignedWords(Trained):
    """Make vectors of tokens of word vectors, after turning those of the source language onto the target language's.

    The words of a dictionary, or else the words that both languages spell alike, fix the rotation (Minixhofer et al.
    2022, WECHSEL). One file that holds both languages is taken as it is.

    Attributes
    ----------
    how : str
        How words make tokens: ``compose``, ``incidence`` or ``incidence-unweighted``. See `token_vectors`; the first is
        sub-word information.
    aligned : bool
        Take the two files as one space already; nothing is turned.
    reduce : bool
        Where dimensions differ, project the longer vectors onto their principal axes.
    identical : bool
        Take words that both languages spell alike besides those of the dictionary. They are numbers, names, code.
    cases : bool
        Try the words of a pair in lower and in title case too.
    unique : bool
        Count a pair of vectors once, in however many cases it is found. The published code counts it each time.
    centre_pairs : bool
        Take the mean of the pairs' vectors off either side while fitting. See `Procrustes`.
    normalise : bool
        Give the pairs' vectors length 1 while fitting, so that long ones weigh no more.
    refinements : int
        How often to fit again on pairs that the last fit made nearest neighbours.
    most_words : int
        Words that are read of each file of vectors; 0 reads all.
    measure : bool
        Say how well words are translated that were held out of the dictionary. A fifth is, with a rotation that the
        rest fixes; the rotation that is used is fixed by all.
    parity : bool
        Keep the quirks of the published code, and take pairs in any script. See `published_token_vectors`.

    Notes
    -----
    The rotation is orthogonal: cosines within one language stay as they are. Both sides need a space that they share,
    so the method is as good as the dictionary and the vectors; `say` is told how well words are translated.
    """

    how: str = "compose"
    aligned: bool = False
    reduce: bool = False
    identical: bool = False
    cases: bool = True
    unique: bool = True
    centre_pairs: bool = False
    normalise: bool = False
    refinements: int = 0
    most_words: int = 0
    measure: bool = True
    parity: bool = False
    minimum_count: int = 5

    def __post_init__(self) -> None:
        if self.how not in WAYS:
            raise UnknownNameError("way to make token vectors", self.how, WAYS)
        super().__post_init__()

    def vectors(self, transfer: Transfer) -> TokenVectors:
        """Return vectors of source and new tokens; raise `InputError` where word vectors or pairs are missing."""
        source, target, _ = self.align_words(transfer)
        make = published_token_vectors if self.parity else token_vectors
        own = make(transfer.source, np.arange(len(transfer.source.tokens)), source, self.how)
        new = make(transfer.target, transfer.new_ids, target, self.how)
        vectors = TokenVectors(own, new)
        require_shared(vectors, transfer, "the word vectors of the source language")
        return vectors

    def align_words(self, transfer: Transfer) -> tuple[WordVectors, WordVectors, Translation | None]:
        """Return both sets of word vectors in one space, and how well held-out words are translated there."""
        limit = self.most_words or None
        if (file := one_file(transfer)) is not None:
            words = read_vectors(file, trust_pickle=transfer.materials.trust_pickle, limit=limit)
            transfer.say(f"{len(words):,} words of {file} serve both languages")
            return words, words, None
        training = self.training(transfer)
        source, target = source_words(transfer, training, limit), target_words(transfer, training, limit)
        if self.aligned or not self.reduce:
            check_dimensions(source, target, transfer, "" if self.aligned else REDUCE)
        if self.aligned:
            return source, target, None
        source, target = of_one_dimension(source, target)
        rows, translation = self._pairs(source, target, transfer)
        return source.rotated(self._procrustes.fit(source, target, rows)), target, translation

    @property
    def _procrustes(self) -> Procrustes:
        return Procrustes(self.centre_pairs, self.normalise, self.refinements)

    def _pairs(self, source: WordVectors, target: WordVectors, transfer: Transfer) -> tuple[Rows, Translation | None]:
        path = transfer.materials.dictionary
        if path is None:
            rows = identical_words(source, target)
            if not len(rows[0]):
                raise InputError(
                    "The two languages spell no word alike, so their vectors cannot be aligned without a dictionary. "
                    "Give one with --dictionary; vectors of one space already need --method-option aligned=yes."
                )
            transfer.say(f"there is no dictionary: {len(rows[0]):,} words that both languages spell alike align them")
            return rows, None
        dictionary = read_dictionary(path, () if self.parity else scripts_of(transfer.new), self.unique)
        rows = matched_rows(dictionary.pairs, source, target, self.cases, self.unique)
        if self.identical:
            rows = joined(rows, identical_words(source, target))
        if not len(rows[0]):
            raise InputError(
                f"None of the {len(dictionary.pairs):,} pairs of {path} has a vector on both sides. Give a dictionary "
                "from the source to the target language, in this order, with --dictionary."
            )
        translation = self._translation(source, target, dictionary.pairs, transfer)
        outcome = "" if translation is None else f"; {translation}"
        transfer.say(f"dictionary: {dictionary}; {len(rows[0]):,} pairs of vectors align the words{outcome}")
        return rows, translation

    def _translation(
        self, source: WordVectors, target: WordVectors, pairs: tuple[tuple[str, str], ...], transfer: Transfer
    ) -> Translation | None:
        if not self.measure:
            return None
        return measure_translation(
            self._procrustes, source, target, pairs, transfer.generator(SPLIT), self.cases, self.identical
        )


def scripts_of(tokens: TokenTable) -> tuple[str, ...]:
    """Return the scripts that make up the tokens' letters, without those that stray in."""
    whole = np.flatnonzero(tokens.is_text & tokens.is_complete).tolist()
    shares = script_shares("".join(tokens.surfaces[token].decode() for token in whole))
    return tuple(script for script, share in shares.items() if share >= LEAST_SHARE)
