"""Vectors of tokens, made of vectors of words."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array

from vocabx.aligners.spaces.labelled_words import LabelledWords
from vocabx.aligners.spaces.word_vectors import WordVectors
from vocabx.core.arrays import Floats, Ints
from vocabx.core.errors import InputError, UnknownNameError
from vocabx.core.segmenter import Segmenter
from vocabx.core.tokens import TokenTable

__all__ = ["WAYS", "text_of_tokens", "token_vectors", "vectors_of_texts"]

WAYS = MappingProxyType(
    {
        "compose": "the n-grams of the token's own text",
        "incidence": "the mean of the words that hold the token, by how often they occur",
        "incidence-unweighted": "the mean of the words that hold the token, capitalised ones too",
    }
)

WORDS_PER_BATCH = 65536


def token_vectors(
    segmenter: Segmenter, ids: Ints | None, words: WordVectors | LabelledWords, how: str = "compose"
) -> Floats:
    """Return a vector of every token that is asked for; zero where the words say nothing of it.

    Parameters
    ----------
    segmenter : Segmenter
        The tokenizer of the tokens.
    ids : ndarray of int64, shape (N,), optional
        Which tokens; all when not given.
    words : WordVectors or LabelledWords
        The latter for `incidence-unweighted` only.
    how : str
        ``compose``: the vector of the token's text as if it were a word. ``incidence``: every word is segmented alone
        and after a space; a token's vector is the mean of the words it then occurs in, weighted by their counts, or
        plain where counts are unknown. ``incidence-unweighted``: the plain mean, and words are segmented capitalised
        too (OFA, 2311.08849). In both, a word counts once for each spelling that holds the token.

    Returns
    -------
    ndarray of float32, shape (N, d)

    Notes
    -----
    The result is linear in the vectors of the words.
    """
    if how not in WAYS:
        raise UnknownNameError("way to make token vectors", how, WAYS)
    chosen = np.arange(len(segmenter.tokens)) if ids is None else ids
    if isinstance(words, LabelledWords):
        if how != "incidence-unweighted":
            raise InputError(f"Words labelled with their language are used with incidence-unweighted, not with {how}.")
        return _mean_of_words(_spellings(segmenter, words.texts), words.rows, chosen)
    if how == "compose":
        return _composed(segmenter.tokens, chosen, words)
    if how == "incidence-unweighted":
        return _mean_of_words(_spellings(segmenter, words.words), words.rows, chosen)
    holds = _holds(segmenter, words.words) + _holds(segmenter, [f" {word}" for word in words.words])
    counts = np.ones(len(words)) if words.counts is None else words.counts.astype(np.float64)
    return _mean_of_words(csr_array(holds @ diags_array(counts)), words.rows, chosen)


def text_of_tokens(table: TokenTable, ids: Ints) -> list[str]:
    """Return the text of tokens without the white space around it, shape (N,).

    It is empty for tokens that are no text, no whole characters, or white space alone, and for a token that spells a
    byte although another is that character.
    """
    known = table.id_of_surface
    is_whole = table.is_text & table.is_complete
    return [
        table.surfaces[token].decode().strip()
        if is_whole[token] and known[table.surfaces[token], bool(table.word_initial[token])] == token
        else ""
        for token in np.asarray(ids).tolist()
    ]


def vectors_of_texts(texts: Sequence[str], words: WordVectors) -> Floats:
    """Return the vectors of texts, shape (N, d); those of equal texts are equal bit for bit, and made once."""
    distinct = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    return np.asarray(words.vectors_of(list(distinct))[[distinct[text] for text in texts]])


def _composed(table: TokenTable, ids: Ints, words: WordVectors) -> Floats:
    texts = text_of_tokens(table, ids)
    vectors = vectors_of_texts(texts, words)
    vectors[[not text for text in texts]] = 0
    return vectors


def _spellings(segmenter: Segmenter, texts: Sequence[str]) -> csr_array:
    """Count the spellings of each word that hold each token, shape (S, words)."""
    stems = [text.strip() for text in texts]
    capitals = [stem[:1].upper() + stem[1:] for stem in stems]
    changed = np.flatnonzero([capital != stem for capital, stem in zip(capitals, stems, strict=True)])
    after_space = [" " * texts[word].startswith(" ") + capitals[word] for word in changed.tolist()]
    return csr_array(
        _holds(segmenter, stems)
        + _holds(segmenter, [f" {stem}" for stem in stems])
        + _holds(segmenter, after_space, changed, len(stems))
    )


def _holds(
    segmenter: Segmenter, texts: Sequence[str], words: NDArray[np.int64] | None = None, total: int | None = None
) -> csr_array:
    """Mark the tokens that each text is segmented into, shape (S, words)."""
    tokens, places = [], []
    for start in range(0, len(texts), WORDS_PER_BATCH):
        ids = segmenter.segment_lines(texts[start : start + WORDS_PER_BATCH]).ids
        tokens.append(ids.values)
        places.append(ids.row_of_value + start)
    token, place = (np.concatenate([np.empty(0, np.int64), *parts]) for parts in (tokens, places))
    if words is not None:
        place = words[place]
    shape = (len(segmenter.tokens), len(texts) if total is None else total)
    found = csr_array(coo_array((np.ones(len(token)), (token, place)), shape=shape))
    found.data[:] = 1  # a token that a word holds twice is held all the same
    return found


def _mean_of_words(weights: csr_array, rows: Floats, ids: Ints) -> Floats:
    chosen = csr_array(weights[ids])
    totals = np.asarray(chosen.sum(axis=1))
    share = diags_array(1 / np.where(totals > 0, totals, 1)) @ chosen
    return np.asarray(csr_array(share).astype(np.float32) @ rows)
