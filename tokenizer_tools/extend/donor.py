"""Candidates taken from another tokenizer, spelt and joined as the source would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np

from vocabx.core.errors import TokenizerError
from vocabx.core.tokens import TokenKind, is_complete_utf8
from vocabx.tokenizer_tools.extend.candidates import Candidates, Corpus
from vocabx.tokenizer_tools.extend.filters import Filtered
from vocabx.tokenizer_tools.extend.merges import Merge
from vocabx.tokenizer_tools.extend.selection import Selection
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.surfaces import CONTINUATION, MARKER, Family, piece_to_surface, surface_to_piece

__all__ = ["NO_ROAD", "DonorCandidates"]

NO_ROAD = "no merge of the base's tokens makes them"


class DonorCandidates:
    """The pieces of a donor that the source lacks; those that save most on the corpus first.

    In a source with merges every piece needs a merge of two pieces that stand side by side when the source, and the
    merges before it, are through with its characters. A character that is spelt in several tokens gets merges too,
    and becomes a token where a piece needs it. A piece for which there is no merge stays out.
    """

    def __init__(self, corpus: Corpus, donor: FastSegmenter, progress: Callable[[str], None]) -> None:
        self._corpus = corpus
        self._donor = donor
        self._progress = progress

    def __call__(self, count: int) -> Candidates:
        """Return all candidates, whatever the count."""
        corpus, source = self._corpus, self._corpus.source
        known = frozenset(source.tokens.pieces)
        pieces = [piece for piece in self._pieces() if piece not in known]
        self._progress(f"joining {len(pieces):,} pieces of the other tokenizer")
        filtered = corpus.filter(pieces)
        kept = [piece for piece in pieces if piece not in filtered.pieces]
        if not kept:
            raise TokenizerError("The other tokenizer has no piece that the base lacks and the filter lets through.")
        if not source.family.has_merges:
            return Candidates(corpus.rank(kept), (), None, True, filtered)
        is_byte_level = source.family is Family.BYTE_LEVEL
        characters = () if is_byte_level else tuple(c for c in dict.fromkeys("".join(kept)) if c not in known)
        closed = corpus.appender(Selection(characters)) if characters else source
        roads = self._roads(closed, kept)
        made = {*characters, *(road.result for road in roads)}
        if not made:
            raise TokenizerError("No piece of the other tokenizer can be made of two tokens of the base.")
        filtered |= Filtered({piece: NO_ROAD for piece in kept if piece not in made})
        offered = frozenset(kept)
        ordered = (piece for piece in corpus.order(characters, roads, filtered.pieces) if piece in offered)
        return Candidates(characters, roads, tuple(ordered), True, filtered)

    def _pieces(self) -> Iterable[str]:
        """Spell the donor's pieces of text as the source would, each once."""
        tokens = self._donor.tokens
        respell = _Respelling(self._donor.family, self._corpus.source)
        normal = np.flatnonzero(tokens.kinds == TokenKind.NORMAL)
        spelt = (respell(tokens.surfaces[token], bool(tokens.word_initial[token])) for token in normal)
        return dict.fromkeys(piece for piece in spelt if piece)

    def _roads(self, closed: FastSegmenter, pieces: Sequence[str]) -> tuple[Merge, ...]:
        """Find for each piece the merge that makes it, in rounds: a piece may wait for a part that comes later."""
        tokens = closed.tokens.pieces
        waiting = {
            piece: [tokens[token] for token in ids]
            for piece, ids in zip(pieces, map(list, _rows(closed, pieces)), strict=True)
        }
        ranks: dict[tuple[str, str], int] = {}
        known = -1
        while known < len(ranks):
            known = len(ranks)
            for piece in list(waiting):
                parts = waiting[piece] = _merged(waiting[piece], ranks)
                if len(parts) == 2 and "".join(parts) == piece:
                    ranks[parts[0], parts[1]] = len(ranks)
                if len(parts) <= 2:
                    del waiting[piece]
            if known == len(ranks) and closed.family is Family.BYTE_LEVEL:
                for pair in _pairs_within_characters(waiting.values()):
                    ranks[pair] = len(ranks)
        return tuple(Merge(left, right) for left, right in ranks)


def _rows(closed: FastSegmenter, pieces: Sequence[str]) -> Iterable[Sequence[int]]:
    ragged = closed.encode_words(pieces)
    return (ragged[row].tolist() for row in range(len(ragged)))


def _merged(parts: Sequence[str], ranks: Mapping[tuple[str, str], int]) -> list[str]:
    """Apply merges in the order of their ranks, from the left."""
    parts = list(parts)
    while len(parts) > 2:
        pairs = [(ranks[pair], i) for i, pair in enumerate(pairwise(parts)) if pair in ranks]
        if not pairs:
            break
        _, place = min(pairs)
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    return parts


def _pairs_within_characters(rows: Iterable[Sequence[str]]) -> list[tuple[str, str]]:
    """Return the first pair in each row that makes one character or a part of it, the most frequent first."""
    firsts = (next(filter(_is_within_character, pairwise(parts)), None) for parts in rows)
    return [pair for pair, _ in Counter(pair for pair in firsts if pair).most_common()]


def _is_within_character(pair: tuple[str, str]) -> bool:
    left, right = (piece_to_surface(piece, Family.BYTE_LEVEL) for piece in pair)
    is_cut = not (is_complete_utf8(left) and is_complete_utf8(right))
    return is_cut and len((left + right).decode(errors="replace").removeprefix(" ")) == 1


class _Respelling:
    """Spells the tokens of one family as pieces of another tokenizer."""

    def __init__(self, family: Family, target: FastSegmenter) -> None:
        self._loses_space = family is Family.WORDPIECE
        self._family = target.family
        normalizer = target.backend.normalizer
        rewrites = target.family in (Family.UNIGRAM, Family.WORDPIECE) and normalizer is not None
        self._normalize: Callable[[str], str] = normalizer.normalize_str if rewrites else str

    def __call__(self, surface: bytes, opens_word: bool) -> str:
        """Return the piece, empty where the target could not spell it."""
        if self._loses_space and opens_word:
            surface = b" " + surface
        if self._family is Family.BYTE_LEVEL:
            return surface_to_piece(surface, self._family)
        if not is_complete_utf8(surface):
            return ""
        text = surface.decode()
        body = self._normalize(text.removeprefix(" "))
        if not body:
            return ""
        if self._family is Family.WORDPIECE:
            return body if text[0] == " " else CONTINUATION + body
        return (MARKER if text[0] == " " else "") + body.removeprefix(MARKER).replace(" ", MARKER)
